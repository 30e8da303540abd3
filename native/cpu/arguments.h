// The arguments of a call, and how threads share out what they hold.
#pragma once

#include <algorithm>

#include "engine/backend/arguments.h"

namespace sluice::cpu {

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
