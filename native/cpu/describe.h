// What kernels without matrix products say of themselves (Kernel::describe).
#pragma once

#include <algorithm>

#include "engine/backend/backend.h"

namespace sluice::cpu {

// Of parallelFor(threads, n, grain): `what` is shared out.
inline KernelChoice describeShared(const OpCall& call, const char* what, int64_t n,
                                   int64_t grain) noexcept {
  const int64_t pieces = n > 0 ? (n + grain - 1) / grain : 1;
  KernelChoice choice;
  choice.split = what;
  choice.threads = static_cast<int32_t>(std::clamp<int64_t>(call.context->threads, 1, pieces));
  return choice;
}

// Of a function of each element of the first output.
template <int64_t kGrain>
KernelChoice describeElements(const OpCall& call) noexcept {
  for (int32_t i = 0; i < call.outCount; ++i)
    if (call.out[i].present())
      return describeShared(call, "elements", call.out[i].shape.elements(), kGrain);
  return {};
}

}  // namespace sluice::cpu
