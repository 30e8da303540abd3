#include "addon/js.h"

namespace sluice::addon {

void check(Napi::Env env, napi_status status) {
  if (status == napi_ok) return;
  if (env.IsExceptionPending()) throw Napi::Error(env, nullptr);
  throw Napi::Error::New(env);
}

Napi::Value get(Napi::Object object, const char* key) {
  napi_value value = nullptr;
  check(object.Env(), napi_get_named_property(object.Env(), object, key, &value));
  return {object.Env(), value};
}

Napi::Value get(Napi::Object object, Napi::Value key) {
  napi_value value = nullptr;
  check(object.Env(), napi_get_property(object.Env(), object, key, &value));
  return {object.Env(), value};
}

Napi::Value get(Napi::Array array, uint32_t index) {
  napi_value value = nullptr;
  check(array.Env(), napi_get_element(array.Env(), array, index, &value));
  return {array.Env(), value};
}

Napi::Array ownKeys(Napi::Object object) {
  napi_value keys = nullptr;
  const auto filter = static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols);
  check(object.Env(), napi_get_all_property_names(object.Env(), object, napi_key_own_only, filter,
                                                  napi_key_numbers_to_strings, &keys));
  return {object.Env(), keys};
}

size_t stringBytes(Napi::Value string) {
  size_t bytes = 0;
  check(string.Env(), napi_get_value_string_utf8(string.Env(), string, nullptr, 0, &bytes));
  return bytes;
}

}  // namespace sluice::addon
