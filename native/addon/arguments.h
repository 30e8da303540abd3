// Reading arguments: each function checks and throws INVALID_ARGUMENT with `what`, the argument's
// name, in the message and in details.option.
#pragma once

#include <napi.h>

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

// A short text of a value for messages: "undefined", "-1", "'gru'", "Float32Array(3)".
std::string describe(Napi::Value value);

[[noreturn]] void invalid(const std::string& what, const std::string& expected,
                          Napi::Value received);

double readNumber(Napi::Value value, const std::string& what);  // finite
int64_t readInteger(Napi::Value value, const std::string& what, int64_t least, int64_t most);
bool readBoolean(Napi::Value value, const std::string& what);
std::string readString(Napi::Value value, const std::string& what);
// Of at most `most` elements. Reading one may run code of the user's, which may change their
// number.
Napi::Array readArray(Napi::Value value, const std::string& what, size_t most);

template <typename Choice, size_t N>
Choice readChoice(Napi::Value value, const std::string& what,
                  const std::pair<std::string_view, Choice> (&choices)[N]) {
  if (value.IsString() && stringBytes(value) < 64) {
    const std::string text = value.As<Napi::String>();
    for (const auto& [name, choice] : choices)
      if (name == text) return choice;
  }
  std::string expected;
  for (const auto& [name, choice] : choices)
    expected += (expected.empty() ? "'" : ", '") + std::string(name) + "'";
  invalid(what, "one of " + expected, value);
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
ArrayView readTypedArray(Napi::Value value, napi_typedarray_type type, const char* what);

// An object of options that has each of the named members and no other.
class Fields {
 public:
  Fields(Napi::Value value, std::string what, std::initializer_list<const char*> names);

  Napi::Value get(const char* name) const { return addon::get(object_, name); }
  double number(const char* name) const { return readNumber(get(name), path(name)); }
  int64_t integer(const char* name, int64_t least, int64_t most) const {
    return readInteger(get(name), path(name), least, most);
  }
  bool boolean(const char* name) const { return readBoolean(get(name), path(name)); }
  std::string string(const char* name) const { return readString(get(name), path(name)); }
  template <typename Choice, size_t N>
  Choice choice(const char* name, const std::pair<std::string_view, Choice> (&choices)[N]) const {
    return readChoice(get(name), path(name), choices);
  }
  std::string path(const char* name) const { return what_ + "." + name; }

 private:
  Napi::Object object_;
  std::string what_;
};

}  // namespace sluice::addon
