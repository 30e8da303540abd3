// What napi.h has no word for, and what must not go through it.
//
// napi.h takes what JavaScript threw into a Napi::Error. Where that was a termination and the
// environment lives on (a timeout of `vm`), it cannot, and ends the process: "FATAL ERROR:
// Error::Error napi_define_properties". So whatever may run code of the user's is called here
// through the C functions, and what that code throws stays pending: an empty Napi::Error unwinds to
// the border, which returns and lets the exception take its way.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace sluice::addon {

// A copy.
template <typename T>
Napi::TypedArrayOf<T> toTypedArray(Napi::Env env, std::span<const T> values) {
  auto array = Napi::TypedArrayOf<T>::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

// Of what `make` returns for each element of `range`.
template <typename Range, typename Make = std::identity>
Napi::Array toArray(Napi::Env env, const Range& range, Make make = {}) {
  Napi::Array array = Napi::Array::New(env);
  uint32_t index = 0;
  for (const auto& element : range) {
    const Napi::HandleScope scope(env);
    array.Set(index++, make(element));
  }
  return array;
}

// Throws Napi::Error, the empty one where an exception is pending.
void check(Napi::Env env, napi_status status);

// These may run code of the user's (getters, proxies): nothing that was looked at before, such as
// whether an object is disposed or where a buffer lies, may be relied on afterwards.
Napi::Value get(Napi::Object object, const char* key);
Napi::Value get(Napi::Object object, Napi::Value key);
Napi::Value get(Napi::Array array, uint32_t index);
// Own enumerable string keys; Object::GetPropertyNames lists what is inherited as well.
Napi::Array ownKeys(Napi::Object object);

// How long a string is in UTF-8, without a copy of it.
size_t stringBytes(Napi::Value string);

}  // namespace sluice::addon
