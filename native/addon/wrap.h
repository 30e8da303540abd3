// Classes: a C++ object behind each JavaScript object of ours.
//
// The type tag is what makes methods safe: `Model.prototype.run.call(somethingElse)`, an object of
// another addon, or one of a second copy of this addon is refused before its pointer is looked at.
#pragma once

#include <napi.h>

#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "engine/core/error.h"

namespace sluice::addon {

// Tells the garbage collector about memory that it does not see.
class ExternalMemory {
 public:
  explicit ExternalMemory(Napi::Env env) : env_(env) {}
  ~ExternalMemory() { report(0); }
  ExternalMemory(const ExternalMemory&) = delete;
  ExternalMemory& operator=(const ExternalMemory&) = delete;

  void report(size_t bytes) {
    const auto now = static_cast<int64_t>(bytes);
    if (now != reported_) Napi::MemoryManagement::AdjustExternalMemory(env_, now - reported_);
    reported_ = now;
  }

 private:
  Napi::Env env_;
  int64_t reported_ = 0;
};

// `number` is the class's own; the rest of the tag tells this copy of the addon from others.
napi_type_tag typeTag(uint64_t number);

// Napi::ObjectWrap with a type tag. T has kName and kTag; what may fail in its constructor belongs
// in guard().
template <typename T>
class Wrapped : public Napi::ObjectWrap<T> {
 public:
  // The object behind a value; INVALID_ARGUMENT for everything that is none of this class.
  static T& from(Napi::Value value, const char* what) {
    const napi_type_tag tag = typeTag(T::kTag);
    if (value.Type() != napi_object || !value.As<Napi::Object>().CheckTypeTag(&tag))
      invalid(what, cat("a ", T::kName), value);
    return *Napi::ObjectWrap<T>::Unwrap(value.As<Napi::Object>());
  }

  // Napi::ObjectWrap calls this one.
  static Napi::Value OnCalledAsFunction(const Napi::CallbackInfo& info) {
    return guard(info.Env(), []() -> Napi::Value {
      fail(Code::InvalidArgument, cat(T::kName, " must be called with new"));
    });
  }

 protected:
  explicit Wrapped(const Napi::CallbackInfo& info) : Napi::ObjectWrap<T>(info) {
    const napi_type_tag tag = typeTag(T::kTag);
    info.This().As<Napi::Object>().TypeTag(&tag);
  }

  static void define(Napi::Object exports,
                     std::initializer_list<Napi::PropertyDescriptor> properties) {
    const Napi::Function constructor =
        Napi::ObjectWrap<T>::DefineClass(exports.Env(), T::kName, {});
    // Given to DefineClass they would get a check of the receiver by V8, which comes before ours
    // and whose errors have no code.
    constructor.Get("prototype").As<Napi::Object>().DefineProperties(properties);
    exports.Set(T::kName, constructor);
  }
};

template <typename>
struct ClassOf;
template <typename T, typename Result>
struct ClassOf<Result (T::*)(const Napi::CallbackInfo&)> {
  using Type = T;
};

// `target` is a function, or a method of a Wrapped: then the receiver is checked first.
template <auto target>
auto callback(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    if constexpr (std::is_member_function_pointer_v<decltype(target)>)
      return (ClassOf<decltype(target)>::Type::from(info.This(), "the receiver").*target)(info);
    else
      return target(info);
  });
}

template <auto target>
Napi::Function function(Napi::Env env, const char* name) {
  return Napi::Function::New<callback<target>>(env, name);
}
template <auto target>
Napi::PropertyDescriptor method(Napi::Env env, const char* name) {
  return Napi::PropertyDescriptor::Value(name, function<target>(env, name), napi_default_method);
}
template <auto target>
Napi::PropertyDescriptor getter(const char* name) {
  return Napi::PropertyDescriptor::Accessor<callback<target>>(name, napi_configurable);
}

}  // namespace sluice::addon
