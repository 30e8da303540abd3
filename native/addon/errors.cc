#include "addon/errors.h"

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/core/error.h"

namespace sluice::addon {
namespace {

void setIfAny(Napi::Object object, const char* key, const std::string& text) {
  if (!text.empty()) object.Set(key, text);
}

Napi::Error fill(Napi::Env env, Napi::Error error, const Error& failure) {
  if (error.IsEmpty())
    error = Napi::Error::New(env, failure.what());
  else
    error.Set("message", failure.what());
  error.Set("code", codeName(failure.code()));
  Napi::Object details = Napi::Object::New(env);
  setIfAny(details, "layer", failure.details().layer);
  setIfAny(details, "option", failure.details().option);
  setIfAny(details, "expected", failure.details().expected);
  setIfAny(details, "received", failure.details().received);
  error.Set("details", details);
  return error;
}

}  // namespace

Napi::Error toJsError(Napi::Env env, const std::exception_ptr& failure, Napi::Error error) {
  const auto filled = [&](const Error& from) { return fill(env, std::move(error), from); };
  try {
    std::rethrow_exception(failure);
  } catch (const Napi::Error& thrown) {
    return thrown;
  } catch (const Error& thrown) {
    return filled(thrown);
  } catch (const std::bad_alloc&) {
    return filled({Code::OutOfMemory, "out of memory"});
  } catch (const std::length_error&) {
    // A container was asked for more elements than addresses.
    return filled({Code::OutOfMemory, "out of memory: a size is beyond what can be addressed"});
  } catch (const std::exception& thrown) {
    return filled({Code::Internal, thrown.what()});
  } catch (...) {
    return filled({Code::Internal, "unknown failure"});
  }
}

}  // namespace sluice::addon
