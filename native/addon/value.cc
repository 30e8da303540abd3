#include "addon/value.h"

#include <cmath>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "addon/js.h"
#include "engine/core/error.h"

namespace sluice::addon {
namespace {

class Reader {
 public:
  Reader(napi_env env, const char* what) : env_(env), what_(what) {}

  Value read(napi_value value, int depth) {
    if (depth > kMaxDepth) tooMuch("is nested more than ", kMaxDepth, " deep");
    if (++nodes_ > kMaxNodes) tooMuch("has more than ", kMaxNodes, " values");
    switch (typeOf(env_, value)) {
      case napi_null:
        return {};
      case napi_boolean: {
        bool boolean = false;
        check(env_, napi_get_value_bool(env_, value, &boolean));
        return Value::boolean(boolean);
      }
      case napi_number: {
        double number = 0;
        check(env_, napi_get_value_double(env_, value, &number));
        if (!std::isfinite(number)) wrongType(value);
        return Value::number(number);
      }
      case napi_string:
        return Value::string(text(value));
      case napi_object:
        return isArray(env_, value) ? array(value, depth) : object(value, depth);
      default:
        wrongType(value);
    }
  }

 private:
  Value array(napi_value value, int depth) {
    const size_t length = arrayLength(env_, value);
    // Before anything is reserved: `new Array(4e9)` costs its maker nothing.
    if (length > kMaxNodes - nodes_) tooMuch("has more than ", kMaxNodes, " values");
    std::vector<Value> items;
    items.reserve(length);
    for (size_t i = 0; i < length; ++i) {
      const HandleScope scope(env_);
      items.push_back(read(getElement(env_, value, i), depth + 1));
    }
    return Value::array(std::move(items));
  }

  Value object(napi_value value, int depth) {
    // Each element of a typed array would be a key, made as a string before it can be counted.
    bool binary = false, view = false, buffer = false;
    check(env_, napi_is_typedarray(env_, value, &binary));
    check(env_, napi_is_dataview(env_, value, &view));
    check(env_, napi_is_arraybuffer(env_, value, &buffer));
    if (binary || view || buffer) wrongType(value);

    napi_value keys = ownKeys(env_, value);
    const size_t count = arrayLength(env_, keys);
    if (count > kMaxNodes - nodes_) tooMuch("has more than ", kMaxNodes, " values");
    std::vector<Value::Member> members;
    members.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      const HandleScope scope(env_);
      napi_value key = getElement(env_, keys, i), member = nullptr;
      check(env_, napi_get_property(env_, value, key, &member));
      if (typeOf(env_, member) == napi_undefined) continue;
      std::string name = text(key);
      members.emplace_back(std::move(name), read(member, depth + 1));
    }
    return Value::object(std::move(members));
  }

  std::string text(napi_value value) {
    const size_t bytes = stringBytes(env_, value);
    if (bytes > kMaxStringBytes) tooMuch("has a string longer than ", kMaxStringBytes, " bytes");
    text_ += bytes;
    if (text_ > kMaxTextBytes) tooMuch("has more than ", kMaxTextBytes, " bytes of text");
    return stringValue(env_, value);
  }

  template <typename... Parts>
  [[noreturn]] void tooMuch(const Parts&... parts) const {
    fail(Code::Config, cat(what_, " ", parts...), {.option = what_});
  }

  [[noreturn]] void wrongType(napi_value value) const {
    const std::string received = describe(env_, value);
    fail(Code::Config, cat(what_, " must be plain data as in JSON, but has ", received),
         {.option = what_, .expected = "JSON", .received = received});
  }

  napi_env env_;
  const char* what_;
  size_t nodes_ = 0;
  size_t text_ = 0;
};

}  // namespace

Value toValue(napi_env env, napi_value value, const char* what) {
  return Reader(env, what).read(value, 0);
}

}  // namespace sluice::addon
