// Reading arguments: each function checks and throws INVALID_ARGUMENT with `what`, the argument's
// name, in the message and in details.option.
#pragma once

#include <node_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "addon/js.h"

namespace sluice::addon {

// The largest whole number up to which doubles have no gaps.
constexpr int64_t kMaxSafeInteger = int64_t{1} << 53;
// No axis and no number of rows is longer; keeps products of two extents within 64 bits.
constexpr int64_t kMaxCount = (int64_t{1} << 31) - 1;

// What a callback was called with; arguments that were not given are undefined.
struct Call {
  static constexpr size_t kMaxArguments = 6;

  Call(napi_env environment, napi_callback_info info) : env(environment) {
    size_t count = kMaxArguments;
    check(env, napi_get_cb_info(env, info, &count, arguments.data(), &self, nullptr));
  }
  napi_value operator[](size_t i) const { return arguments[i]; }

  napi_env env;
  napi_value self = nullptr;
  std::array<napi_value, kMaxArguments> arguments{};
};

// A short text of a value for messages: "undefined", "-1", "'gru'", "Float32Array(3)".
std::string describe(napi_env env, napi_value value);

[[noreturn]] void invalid(napi_env env, const std::string& what, const std::string& expected,
                          napi_value received);

double readNumber(napi_env env, napi_value value, const std::string& what);  // finite
int64_t readInteger(napi_env env, napi_value value, const std::string& what, int64_t least,
                    int64_t most);
bool readBoolean(napi_env env, napi_value value, const std::string& what);
std::string readString(napi_env env, napi_value value, const std::string& what);
// Throws unless it is an array with at most `most` elements; returns how many it has.
size_t readArrayLength(napi_env env, napi_value value, const std::string& what, size_t most);

template <typename Choice, size_t N>
Choice readChoice(napi_env env, napi_value value, const std::string& what,
                  const std::pair<std::string_view, Choice> (&choices)[N]) {
  if (typeOf(env, value) == napi_string && stringBytes(env, value) < 64) {
    const std::string text = stringValue(env, value);
    for (const auto& [name, choice] : choices)
      if (name == text) return choice;
  }
  std::string expected;
  for (const auto& [name, choice] : choices)
    expected += (expected.empty() ? "'" : ", '") + std::string(name) + "'";
  invalid(env, what, "one of " + expected, value);
}

// Where a typed array's elements lie now. Valid until code of the user's runs.
struct ArrayView {
  std::byte* data = nullptr;
  size_t length = 0;  // elements

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
};

// A typed array of exactly this type on an ArrayBuffer that is neither shared nor detached; arrays
// on resizable buffers are taken at their length of now. `what` is a literal: nothing is allocated
// unless it fails, as this is called for each step of a stream.
ArrayView readTypedArray(napi_env env, napi_value value, napi_typedarray_type type,
                         const char* what);

// An object of options that has each of the named members and no other.
class Fields {
 public:
  Fields(napi_env env, napi_value object, std::string what,
         std::initializer_list<const char*> names);

  napi_value get(const char* name) const { return getMember(env_, object_, name); }
  double number(const char* name) const { return readNumber(env_, get(name), path(name)); }
  int64_t integer(const char* name, int64_t least, int64_t most) const {
    return readInteger(env_, get(name), path(name), least, most);
  }
  bool boolean(const char* name) const { return readBoolean(env_, get(name), path(name)); }
  std::string string(const char* name) const { return readString(env_, get(name), path(name)); }
  template <typename Choice, size_t N>
  Choice choice(const char* name, const std::pair<std::string_view, Choice> (&choices)[N]) const {
    return readChoice(env_, get(name), path(name), choices);
  }
  std::string path(const char* name) const { return what_ + "." + name; }

 private:
  napi_env env_;
  napi_value object_;
  std::string what_;
};

}  // namespace sluice::addon
