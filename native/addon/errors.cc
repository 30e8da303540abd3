#include "addon/errors.h"

#include <new>
#include <stdexcept>
#include <string>

#include "engine/core/error.h"

namespace sluice::addon {
namespace {

struct Failure {
  Code code = Code::Internal;
  std::string message;
  ErrorDetails details;
};

Failure describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return {error.code(), error.what(), error.details()};
  } catch (const std::bad_alloc&) {
    return {Code::OutOfMemory, "out of memory", {}};
  } catch (const std::length_error&) {
    // A container was asked for more elements than addresses.
    return {Code::OutOfMemory, "out of memory: a size is beyond what can be addressed", {}};
  } catch (const std::exception& error) {
    return {Code::Internal, error.what(), {}};
  } catch (...) {
    return {Code::Internal, "unknown failure", {}};
  }
}

void setIfAny(napi_env env, napi_value object, const char* key, const std::string& text) {
  if (!text.empty()) set(env, object, key, jsString(env, text));
}

}  // namespace

napi_value toJsError(napi_env env, const std::exception_ptr& exception, napi_value error) {
  try {
    const Failure failure = describe(exception);
    napi_value message = jsString(env, failure.message);
    if (error == nullptr)
      check(env, napi_create_error(env, nullptr, message, &error));
    else
      set(env, error, "message", message);
    set(env, error, "code", jsString(env, codeName(failure.code)));
    napi_value details = jsObject(env);
    setIfAny(env, details, "layer", failure.details.layer);
    setIfAny(env, details, "option", failure.details.option);
    setIfAny(env, details, "expected", failure.details.expected);
    setIfAny(env, details, "received", failure.details.received);
    set(env, error, "details", details);
    return error;
  } catch (...) {
    return error;
  }
}

void throwToJs(napi_env env, const std::exception_ptr& failure) noexcept {
  napi_value error = toJsError(env, failure);
  // The status is of no use: it fails where the environment is being terminated, and then there is
  // nobody to tell.
  if (error != nullptr) napi_throw(env, error);
}

}  // namespace sluice::addon
