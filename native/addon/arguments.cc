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

std::string describeObject(napi_env env, napi_value value) {
  bool is = false;
  if (napi_is_typedarray(env, value, &is) == napi_ok && is) {
    napi_typedarray_type type = kUnknownArray;
    size_t length = 0;
    check(env, napi_get_typedarray_info(env, value, &type, &length, nullptr, nullptr, nullptr));
    return cat(elementType(type).name, "(", length, ")");
  }
  if (isArray(env, value)) return cat("an array of ", arrayLength(env, value));
  return "an object";
}

}  // namespace

std::string describe(napi_env env, napi_value value) {
  constexpr size_t kMaxQuoted = 60;
  switch (typeOf(env, value)) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean: {
      bool boolean = false;
      check(env, napi_get_value_bool(env, value, &boolean));
      return boolean ? "true" : "false";
    }
    case napi_number: {
      double number = 0;
      check(env, napi_get_value_double(env, value, &number));
      return describeNumber(number);
    }
    case napi_string: {
      const size_t bytes = stringBytes(env, value);
      return bytes <= kMaxQuoted ? "'" + stringValue(env, value) + "'"
                                 : cat("a string of ", bytes, " bytes");
    }
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    case napi_object:
      return describeObject(env, value);
    default:
      return "an external value";
  }
}

void invalid(napi_env env, const std::string& what, const std::string& expected,
             napi_value received) {
  const std::string text = describe(env, received);
  fail(Code::InvalidArgument, cat(what, " must be ", expected, ", received ", text),
       {.option = what, .expected = expected, .received = text});
}

double readNumber(napi_env env, napi_value value, const std::string& what) {
  double number = std::nan("");
  if (typeOf(env, value) == napi_number) check(env, napi_get_value_double(env, value, &number));
  if (!std::isfinite(number)) invalid(env, what, "a finite number", value);
  return number;
}

int64_t readInteger(napi_env env, napi_value value, const std::string& what, int64_t least,
                    int64_t most) {
  double number = std::nan("");
  if (typeOf(env, value) == napi_number) check(env, napi_get_value_double(env, value, &number));
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != std::floor(number))
    invalid(env, what, cat("a whole number from ", least, " to ", most), value);
  return static_cast<int64_t>(number);
}

bool readBoolean(napi_env env, napi_value value, const std::string& what) {
  if (typeOf(env, value) != napi_boolean) invalid(env, what, "a boolean", value);
  bool boolean = false;
  check(env, napi_get_value_bool(env, value, &boolean));
  return boolean;
}

std::string readString(napi_env env, napi_value value, const std::string& what) {
  constexpr size_t kMaxBytes = 65536;  // names, not documents
  if (typeOf(env, value) != napi_string) invalid(env, what, "a string", value);
  if (stringBytes(env, value) > kMaxBytes)
    invalid(env, what, cat("a string of at most ", kMaxBytes, " bytes"), value);
  return stringValue(env, value);
}

size_t readArrayLength(napi_env env, napi_value value, const std::string& what, size_t most) {
  if (!isArray(env, value)) invalid(env, what, "an array", value);
  const size_t length = arrayLength(env, value);
  if (length > most) invalid(env, what, cat("an array of at most ", most), value);
  return length;
}

ArrayView readTypedArray(napi_env env, napi_value value, napi_typedarray_type type,
                         const char* what) {
  napi_typedarray_type actual = kUnknownArray;
  void* data = nullptr;
  napi_value buffer = nullptr;
  ArrayView view;
  size_t offset = 0;
  const napi_status status =
      napi_get_typedarray_info(env, value, &actual, &view.length, &data, &buffer, &offset);
  if (status == napi_invalid_arg || (status == napi_ok && actual != type))
    invalid(env, what, elementType(type).name, value);
  check(env, status);

  // A SharedArrayBuffer is not an ArrayBuffer: another thread could write while we read, or the
  // other way round.
  bool owned = false;
  check(env, napi_is_arraybuffer(env, buffer, &owned));
  if (!owned) invalid(env, what, "a typed array that is not on a SharedArrayBuffer", value);

  size_t capacity = 0;
  check(env, napi_get_arraybuffer_info(env, buffer, nullptr, &capacity));
  const size_t bytes = view.length * elementType(type).bytes;
  if (bytes > capacity || offset > capacity - bytes) view.length = 0;  // shrunk below the view
  if (view.length == 0) {
    bool detached = false;
    check(env, napi_is_detached_arraybuffer(env, buffer, &detached));
    if (detached) invalid(env, what, "a typed array whose buffer is not detached", value);
  }
  view.data = static_cast<std::byte*>(data);
  return view;
}

Fields::Fields(napi_env env, napi_value object, std::string what,
               std::initializer_list<const char*> names)
    : env_(env), object_(object), what_(std::move(what)) {
  if (typeOf(env, object) != napi_object || isArray(env, object))
    invalid(env, what_, "an object", object);
  napi_value keys = ownKeys(env, object);
  const size_t count = arrayLength(env, keys);
  std::vector<bool> seen(names.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string key = readString(env, getElement(env, keys, i), "a member of " + what_);
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
