// The border for failures: what is thrown in C++ becomes a JavaScript Error with `code` and
// `details`, in one place.
#pragma once

#include <node_api.h>

#include <exception>

#include "addon/js.h"

namespace sluice::addon {

// Fills `error`, or a new Error where that is null. nullptr if JavaScript cannot run any more.
napi_value toJsError(napi_env env, const std::exception_ptr& failure, napi_value error = nullptr);

// Throws it in JavaScript.
void throwToJs(napi_env env, const std::exception_ptr& failure) noexcept;

// Runs the body of a callback; nothing that it throws leaves.
template <typename Body>
napi_value guard(napi_env env, Body&& body) noexcept {
  try {
    return body();
  } catch (const JsException&) {
    // Already pending, or nobody is left to see it.
  } catch (...) {
    throwToJs(env, std::current_exception());
  }
  return nullptr;
}

}  // namespace sluice::addon
