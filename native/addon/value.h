// Plain data from JavaScript into the engine's tree, bounded as hostile input.
#pragma once

#include <napi.h>

#include "engine/core/value.h"

namespace sluice::addon {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxNodes = 1'000'000;
constexpr size_t kMaxStringBytes = size_t{1} << 20;
// All strings together: one long string that is referred to a million times is small in JavaScript
// and would not be here.
constexpr size_t kMaxTextBytes = size_t{64} << 20;

// Own enumerable members with string keys; members that are undefined are left out, as in JSON.
// Throws CONFIG for what JSON does not have and for what is too large. The bound on the depth is
// what ends a cycle.
Value toValue(Napi::Value value, const char* what);

}  // namespace sluice::addon
