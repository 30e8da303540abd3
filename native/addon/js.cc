#include "addon/js.h"

#include <cstring>

#include "engine/core/error.h"

namespace sluice::addon {
namespace {

template <typename T>
napi_value typedArray(napi_env env, napi_typedarray_type type, std::span<const T> values) {
  void* data = nullptr;
  napi_value buffer = nullptr, array = nullptr;
  check(env, napi_create_arraybuffer(env, values.size_bytes(), &data, &buffer));
  if (!values.empty()) std::memcpy(data, values.data(), values.size_bytes());
  check(env, napi_create_typedarray(env, type, values.size(), buffer, 0, &array));
  return array;
}

}  // namespace

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  // Without an exception pending these two mean that the environment is shutting down.
  if (pending || status == napi_pending_exception || status == napi_cannot_run_js)
    throw JsException{};
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  const char* text = info != nullptr && info->error_message != nullptr ? info->error_message : "";
  fail(Code::Internal,
       cat("Node-API call failed with status ", static_cast<int>(status), ": ", text));
}

napi_value jsNull(napi_env env) {
  napi_value value = nullptr;
  check(env, napi_get_null(env, &value));
  return value;
}

napi_value jsBoolean(napi_env env, bool value) {
  napi_value result = nullptr;
  check(env, napi_get_boolean(env, value, &result));
  return result;
}

napi_value jsNumber(napi_env env, double value) {
  napi_value result = nullptr;
  check(env, napi_create_double(env, value, &result));
  return result;
}

napi_value jsString(napi_env env, std::string_view value) {
  napi_value result = nullptr;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &result));
  return result;
}

napi_value jsObject(napi_env env) {
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  return object;
}

napi_value jsFloats(napi_env env, std::span<const float> values) {
  return typedArray(env, napi_float32_array, values);
}

napi_value jsDoubles(napi_env env, std::span<const double> values) {
  return typedArray(env, napi_float64_array, values);
}

void set(napi_env env, napi_value object, const char* key, napi_value value) {
  check(env, napi_set_named_property(env, object, key, value));
}

void set(napi_env env, napi_value array, size_t index, napi_value value) {
  check(env, napi_set_element(env, array, static_cast<uint32_t>(index), value));
}

napi_value getMember(napi_env env, napi_value object, const char* key) {
  napi_value value = nullptr;
  check(env, napi_get_named_property(env, object, key, &value));
  return value;
}

napi_value getElement(napi_env env, napi_value array, size_t index) {
  napi_value value = nullptr;
  check(env, napi_get_element(env, array, static_cast<uint32_t>(index), &value));
  return value;
}

napi_value ownKeys(napi_env env, napi_value object) {
  napi_value keys = nullptr;
  const auto filter = static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols);
  check(env, napi_get_all_property_names(env, object, napi_key_own_only, filter,
                                         napi_key_numbers_to_strings, &keys));
  return keys;
}

napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  check(env, napi_typeof(env, value, &type));
  return type;
}

bool isArray(napi_env env, napi_value value) {
  bool result = false;
  check(env, napi_is_array(env, value, &result));
  return result;
}

size_t arrayLength(napi_env env, napi_value array) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  return length;
}

size_t stringBytes(napi_env env, napi_value string) {
  size_t bytes = 0;
  check(env, napi_get_value_string_utf8(env, string, nullptr, 0, &bytes));
  return bytes;
}

std::string stringValue(napi_env env, napi_value string) {
  std::string text(stringBytes(env, string), '\0');
  size_t written = 0;
  // One byte more than size() is there for the terminator, which std::string has as well.
  check(env, napi_get_value_string_utf8(env, string, text.data(), text.size() + 1, &written));
  text.resize(written);
  return text;
}

}  // namespace sluice::addon
