// Node-API's C functions with C++ manners: a failed call throws, values are made in one line.
//
// The C interface is used directly, not through node-addon-api: that one turns a failed call into
// an Error by further calls, and where a worker is being terminated those fail as well and end the
// process. Here a failed call only unwinds.
#pragma once

#include <node_api.h>

#include <span>
#include <string>
#include <string_view>

namespace sluice::addon {

// Thrown where a JavaScript exception is pending (or the environment is going away): unwinds to the
// border, which returns and lets the exception take its way.
struct JsException {};

// Throws JsException, or Error INTERNAL where the failure is ours.
void check(napi_env env, napi_status status);

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) {
    check(env, napi_open_handle_scope(env, &scope_));
  }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

napi_value jsNull(napi_env env);
napi_value jsBoolean(napi_env env, bool value);
napi_value jsNumber(napi_env env, double value);
napi_value jsString(napi_env env, std::string_view value);
napi_value jsObject(napi_env env);
// Copies.
napi_value jsFloats(napi_env env, std::span<const float> values);
napi_value jsDoubles(napi_env env, std::span<const double> values);

void set(napi_env env, napi_value object, const char* key, napi_value value);
void set(napi_env env, napi_value array, size_t index, napi_value value);

// An array of what `make` returns for each element of `range`.
template <typename Range, typename Make>
napi_value jsList(napi_env env, const Range& range, Make make) {
  napi_value list = nullptr;
  check(env, napi_create_array(env, &list));
  size_t index = 0;
  for (const auto& element : range) {
    const HandleScope scope(env);
    set(env, list, index++, make(element));
  }
  return list;
}

// These may run code of the user's (getters, proxies): nothing that was looked at before, such as
// whether an object is disposed or where a buffer lies, may be relied on afterwards.
napi_value getMember(napi_env env, napi_value object, const char* key);
napi_value getElement(napi_env env, napi_value array, size_t index);
// Own enumerable string keys, as an array.
napi_value ownKeys(napi_env env, napi_value object);

// Runs no code of the user's.
napi_valuetype typeOf(napi_env env, napi_value value);
bool isArray(napi_env env, napi_value value);
size_t arrayLength(napi_env env, napi_value array);
// Of a string; in bytes of UTF-8.
size_t stringBytes(napi_env env, napi_value string);
std::string stringValue(napi_env env, napi_value string);

}  // namespace sluice::addon
