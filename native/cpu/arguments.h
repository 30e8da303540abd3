// Short forms for the arguments of a call.
#pragma once

#include <algorithm>

#include "engine/backend/op.h"

namespace sluice::cpu {

// The data of an argument; nullptr where it is absent.
template <typename T = float>
const T* input(const OpCall& call, int index) {
  return index < call.inCount && call.in[index].present() ? call.in[index].as<const T>() : nullptr;
}
template <typename T = float>
T* output(const OpCall& call, int index) {
  return index < call.outCount && call.out[index].present() ? call.out[index].as<T>() : nullptr;
}

// Threads that work at a time on this many pieces, each with scratch memory of its own.
inline int64_t scratchSlots(const OpCall& call, int64_t pieces) {
  constexpr int64_t kMost = 64;
  const int64_t threads = call.context ? call.context->threads : kMost;
  return std::max<int64_t>(1, std::min({kMost, threads, pieces}));
}

// How many elements a thread takes at least, so that a region is worth its start: functions of a
// few operations an element, and those with exponentials.
constexpr int64_t kCheapGrain = 1 << 15;
constexpr int64_t kCostlyGrain = 1 << 14;

}  // namespace sluice::cpu
