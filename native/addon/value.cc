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
  explicit Reader(const char* what) : what_(what) {}

  Value read(Napi::Value value, int depth) {
    if (depth > kMaxDepth) tooMuch("is nested more than ", kMaxDepth, " deep");
    if (++nodes_ > kMaxNodes) tooMuch("has more than ", kMaxNodes, " values");
    switch (value.Type()) {
      case napi_null:
        return {};
      case napi_boolean:
        return Value::boolean(value.As<Napi::Boolean>().Value());
      case napi_number: {
        const double number = value.As<Napi::Number>().DoubleValue();
        if (!std::isfinite(number)) wrongType(value);
        return Value::number(number);
      }
      case napi_string:
        return Value::string(text(value));
      case napi_object:
        return value.IsArray() ? array(value.As<Napi::Array>(), depth)
                               : object(value.As<Napi::Object>(), depth);
      default:
        wrongType(value);
    }
  }

 private:
  Value array(Napi::Array value, int depth) {
    const uint32_t length = value.Length();
    // Before anything is reserved: `new Array(4e9)` costs its maker nothing.
    if (length > kMaxNodes - nodes_) tooMuch("has more than ", kMaxNodes, " values");
    std::vector<Value> items;
    items.reserve(length);
    for (uint32_t i = 0; i < length; ++i) {
      const Napi::HandleScope scope(value.Env());
      items.push_back(read(get(value, i), depth + 1));
    }
    return Value::array(std::move(items));
  }

  Value object(Napi::Object value, int depth) {
    // Each element of a typed array would be a key, made as a string before it can be counted.
    if (value.IsTypedArray() || value.IsDataView() || value.IsArrayBuffer()) wrongType(value);

    const Napi::Array keys = ownKeys(value);
    const uint32_t count = keys.Length();
    if (count > kMaxNodes - nodes_) tooMuch("has more than ", kMaxNodes, " values");
    std::vector<Value::Member> members;
    members.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      const Napi::HandleScope scope(value.Env());
      const Napi::Value key = keys[i], member = get(value, key);
      if (member.IsUndefined()) continue;
      std::string name = text(key);
      members.emplace_back(std::move(name), read(member, depth + 1));
    }
    return Value::object(std::move(members));
  }

  std::string text(Napi::Value value) {
    const size_t bytes = stringBytes(value);
    if (bytes > kMaxStringBytes) tooMuch("has a string longer than ", kMaxStringBytes, " bytes");
    text_ += bytes;
    if (text_ > kMaxTextBytes) tooMuch("has more than ", kMaxTextBytes, " bytes of text");
    return value.As<Napi::String>();
  }

  template <typename... Parts>
  [[noreturn]] void tooMuch(const Parts&... parts) const {
    fail(Code::Config, cat(what_, " ", parts...), {.option = what_});
  }

  [[noreturn]] void wrongType(Napi::Value value) const {
    const std::string received = describe(value);
    fail(Code::Config, cat(what_, " must be plain data as in JSON, but has ", received),
         {.option = what_, .expected = "JSON", .received = received});
  }

  const char* what_;
  size_t nodes_ = 0;
  size_t text_ = 0;
};

}  // namespace

Value toValue(Napi::Value value, const char* what) { return Reader(what).read(value, 0); }

}  // namespace sluice::addon
