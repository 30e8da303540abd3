#include "addon/arguments.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/error.h"

namespace sluice::addon {
namespace {

// What is left where a newer kind of array is not known to Node-API.
constexpr auto kUnknownArray = static_cast<napi_typedarray_type>(15);

struct ElementType {
  const char* name;
  size_t bytes;
};

ElementType elementType(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return {"Int8Array", 1};
    case napi_uint8_array:
      return {"Uint8Array", 1};
    case napi_uint8_clamped_array:
      return {"Uint8ClampedArray", 1};
    case napi_int16_array:
      return {"Int16Array", 2};
    case napi_uint16_array:
      return {"Uint16Array", 2};
    case napi_int32_array:
      return {"Int32Array", 4};
    case napi_uint32_array:
      return {"Uint32Array", 4};
    case napi_float32_array:
      return {"Float32Array", 4};
    case napi_float64_array:
      return {"Float64Array", 8};
    case napi_bigint64_array:
      return {"BigInt64Array", 8};
    case napi_biguint64_array:
      return {"BigUint64Array", 8};
    default:
      return {"a typed array", 8};
  }
}

std::string describeNumber(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  if (number == std::floor(number) && std::abs(number) <= 0x1p53)
    return cat(static_cast<int64_t>(number));
  return cat(number);
}

std::string describeObject(Napi::Value value) {
  if (value.IsTypedArray()) {
    // Not Napi::TypedArray, which takes a kind that it does not know for Int8Array.
    napi_typedarray_type type = kUnknownArray;
    size_t length = 0;
    check(value.Env(),
          napi_get_typedarray_info(value.Env(), value, &type, &length, nullptr, nullptr, nullptr));
    return cat(elementType(type).name, "(", length, ")");
  }
  if (value.IsArray()) return cat("an array of ", value.As<Napi::Array>().Length());
  return "an object";
}

}  // namespace

std::string describe(Napi::Value value) {
  constexpr size_t kMaxQuoted = 60;
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number:
      return describeNumber(value.As<Napi::Number>().DoubleValue());
    case napi_string: {
      const size_t bytes = stringBytes(value);
      return bytes <= kMaxQuoted ? "'" + value.As<Napi::String>().Utf8Value() + "'"
                                 : cat("a string of ", bytes, " bytes");
    }
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    case napi_object:
      return describeObject(value);
    default:
      return "an external value";
  }
}

void invalid(const std::string& what, const std::string& expected, Napi::Value received) {
  const std::string text = describe(received);
  fail(Code::InvalidArgument, cat(what, " must be ", expected, ", received ", text),
       {.option = what, .expected = expected, .received = text});
}

double readNumber(Napi::Value value, const std::string& what) {
  double number = std::nan("");
  if (value.IsNumber()) number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) invalid(what, "a finite number", value);
  return number;
}

int64_t readInteger(Napi::Value value, const std::string& what, int64_t least, int64_t most) {
  double number = std::nan("");
  if (value.IsNumber()) number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != std::floor(number))
    invalid(what, cat("a whole number from ", least, " to ", most), value);
  return static_cast<int64_t>(number);
}

bool readBoolean(Napi::Value value, const std::string& what) {
  if (!value.IsBoolean()) invalid(what, "a boolean", value);
  return value.As<Napi::Boolean>().Value();
}

std::string readString(Napi::Value value, const std::string& what) {
  constexpr size_t kMaxBytes = 65536;  // names, not documents
  if (!value.IsString()) invalid(what, "a string", value);
  if (stringBytes(value) > kMaxBytes)
    invalid(what, cat("a string of at most ", kMaxBytes, " bytes"), value);
  return value.As<Napi::String>();
}

Napi::Array readArray(Napi::Value value, const std::string& what, size_t most) {
  if (!value.IsArray()) invalid(what, "an array", value);
  const auto array = value.As<Napi::Array>();
  if (array.Length() > most) invalid(what, cat("an array of at most ", most), value);
  return array;
}

// In Node-API's own functions: Napi::TypedArrayOf asks once for the length and once for the data,
// and its ArrayBuffer() is not checked to be one.
ArrayView readTypedArray(Napi::Value value, napi_typedarray_type type, const char* what) {
  const Napi::Env env = value.Env();
  napi_typedarray_type actual = kUnknownArray;
  void* data = nullptr;
  napi_value buffer = nullptr;
  ArrayView view;
  size_t offset = 0;
  const napi_status status =
      napi_get_typedarray_info(env, value, &actual, &view.length, &data, &buffer, &offset);
  if (status == napi_invalid_arg || (status == napi_ok && actual != type))
    invalid(what, elementType(type).name, value);
  check(env, status);

  // A SharedArrayBuffer is not an ArrayBuffer: another thread could write while we read, or the
  // other way round.
  Napi::ArrayBuffer owner(env, buffer);
  if (!owner.IsArrayBuffer())
    invalid(what, "a typed array that is not on a SharedArrayBuffer", value);

  const size_t capacity = owner.ByteLength();
  const size_t bytes = view.length * elementType(type).bytes;
  if (bytes > capacity || offset > capacity - bytes) view.length = 0;  // shrunk below the view
  if (view.length == 0 && owner.IsDetached())
    invalid(what, "a typed array whose buffer is not detached", value);
  view.data = static_cast<std::byte*>(data);
  return view;
}

Fields::Fields(Napi::Value value, std::string what, std::initializer_list<const char*> names)
    : object_(value.As<Napi::Object>()), what_(std::move(what)) {
  if (value.Type() != napi_object || value.IsArray()) invalid(what_, "an object", value);
  const Napi::Array keys = ownKeys(object_);
  std::vector<bool> seen(names.size());
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = readString(keys[i], "a member of " + what_);
    const auto* const name = std::find(names.begin(), names.end(), key);
    if (name == names.end())
      fail(Code::InvalidArgument, cat(what_, " has an unknown member '", key, "'"),
           {.option = path(key.c_str())});
    seen[static_cast<size_t>(name - names.begin())] = true;
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (!seen[i]) {
      const char* name = names.begin()[i];
      fail(Code::InvalidArgument, cat(path(name), " is missing"), {.option = path(name)});
    }
}

}  // namespace sluice::addon
