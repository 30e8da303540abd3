#include "addon/wrap.h"

#include "engine/core/error.h"

namespace sluice::addon {

void ExternalMemory::report(size_t bytes) {
  const auto now = static_cast<int64_t>(bytes);
  if (now == reported_) return;
  int64_t total = 0;
  napi_adjust_external_memory(env_, now - reported_, &total);
  reported_ = now;
}

napi_type_tag typeTag(uint64_t number) {
  // A second copy of the addon, perhaps of another version, has another address.
  static const char copy = 0;
  return {static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&copy)), number};
}

void* unwrapTagged(napi_env env, napi_value value, uint64_t number, const char* className,
                   const char* what) {
  bool ours = false;
  if (typeOf(env, value) == napi_object) {
    const napi_type_tag tag = typeTag(number);
    check(env, napi_check_object_type_tag(env, value, &tag, &ours));
  }
  if (!ours) invalid(env, what, cat("a ", className), value);
  void* object = nullptr;
  check(env, napi_unwrap(env, value, &object));
  return object;
}

void defineProperties(napi_env env, napi_value object, const std::vector<Property>& properties,
                      bool enumerable) {
  for (const auto& [name, callback, getter] : properties) {
    napi_property_descriptor descriptor{};
    descriptor.utf8name = name;
    int attributes = napi_configurable | (enumerable ? napi_enumerable : 0);
    if (getter) {
      descriptor.getter = callback;
    } else {
      // Not as `descriptor.method`, which would make a function without a name.
      check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr,
                                      &descriptor.value));
      attributes |= napi_writable;
    }
    descriptor.attributes = static_cast<napi_property_attributes>(attributes);
    check(env, napi_define_properties(env, object, 1, &descriptor));
  }
}

}  // namespace sluice::addon
