// The border for failures: what is thrown in C++ becomes a JavaScript Error with `code` and
// `details`, in one place.
#pragma once

#include <napi.h>

#include <exception>

namespace sluice::addon {

// Fills `error`, or a new Error where that is empty. A Napi::Error stays what it is.
Napi::Error toJsError(Napi::Env env, const std::exception_ptr& failure, Napi::Error error = {});

// Runs the body of a callback: whatever it throws leaves as a Napi::Error, which node-addon-api
// throws in JavaScript.
template <typename Body>
auto guard(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (...) {
    throw toJsError(env, std::current_exception());
  }
}

}  // namespace sluice::addon
