// Classes: a C++ object behind each JavaScript object of ours.
//
// The type tag is what makes methods safe: `Model.prototype.run.call(somethingElse)`, an object of
// another addon, or one of a second copy of this addon is refused before its pointer is looked at.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "engine/core/error.h"

namespace sluice::addon {

// Tells the garbage collector about memory that it does not see.
class ExternalMemory {
 public:
  explicit ExternalMemory(napi_env env) : env_(env) {}
  ~ExternalMemory() { report(0); }
  ExternalMemory(const ExternalMemory&) = delete;
  ExternalMemory& operator=(const ExternalMemory&) = delete;

  void report(size_t bytes);

 private:
  napi_env env_;
  int64_t reported_ = 0;
};

// `number` is the class's own; the rest of the tag tells this copy of the addon from others.
napi_type_tag typeTag(uint64_t number);

// The pointer behind an object with this tag; INVALID_ARGUMENT for everything else.
void* unwrapTagged(napi_env env, napi_value value, uint64_t number, const char* className,
                   const char* what);

// T is a wrapped class: it has kName, kTag and a constructor from `const Call&`.
template <typename T>
T& unwrap(napi_env env, napi_value value, const char* what) {
  return *static_cast<T*>(unwrapTagged(env, value, T::kTag, T::kName, what));
}

template <typename T>
napi_value construct(napi_env env, napi_callback_info info) noexcept {
  return guard(env, [&]() -> napi_value {
    napi_value target = nullptr;
    check(env, napi_get_new_target(env, info, &target));
    if (target == nullptr) fail(Code::InvalidArgument, cat(T::kName, " must be called with new"));
    const Call call(env, info);
    auto object = std::make_unique<T>(call);
    const auto finalize = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
    check(env, napi_wrap(env, call.self, object.get(), finalize, nullptr, nullptr));
    static_cast<void>(object.release());  // the collector's now
    const napi_type_tag tag = typeTag(T::kTag);
    check(env, napi_type_tag_object(env, call.self, &tag));
    return call.self;
  });
}

template <typename>
struct ClassOf;
template <typename T>
struct ClassOf<napi_value (T::*)(const Call&)> {
  using Type = T;
};

// A method's callback: checks the receiver. The method returns null for undefined.
template <auto method>
napi_value invoke(napi_env env, napi_callback_info info) noexcept {
  return guard(env, [&] {
    using T = typename ClassOf<decltype(method)>::Type;
    const Call call(env, info);
    return (unwrap<T>(env, call.self, "the receiver").*method)(call);
  });
}

struct Property {
  const char* name;
  napi_callback callback;
  bool getter = false;
};
inline Property rawMethod(const char* name, napi_callback callback) { return {name, callback}; }
template <auto member>
Property method(const char* name) {
  return {name, invoke<member>};
}
template <auto member>
Property getter(const char* name) {
  return {name, invoke<member>, true};
}
// Of `exports`.
template <auto function>
Property functionProperty(const char* name) {
  return {name, [](napi_env env, napi_callback_info info) noexcept {
            return guard(env, [&] { return function(Call(env, info)); });
          }};
}

void defineProperties(napi_env env, napi_value object, const std::vector<Property>& properties,
                      bool enumerable);

template <typename T>
void defineClass(napi_env env, napi_value exports, const std::vector<Property>& properties) {
  napi_value constructor = nullptr;
  check(env, napi_define_class(env, T::kName, NAPI_AUTO_LENGTH, construct<T>, nullptr, 0, nullptr,
                               &constructor));
  // Given to napi_define_class they would get a check of the receiver by V8, which comes before
  // ours and whose errors have no code.
  defineProperties(env, getMember(env, constructor, "prototype"), properties, false);
  set(env, exports, T::kName, constructor);
}

}  // namespace sluice::addon
