// Windows as the rows of a matrix: what a convolution multiplies.
#pragma once

#include "engine/backend/op.h"

namespace sluice::cuda {

// Null, or why kernels cannot count through such windows.
const char* windowsWhyNot(const Windows& n) noexcept;

// to [count, n.floats()]: the windows from `first` on, zero where they lie in padding. With
// `before` (convolution::kBefore) what lies in front of the first position comes from there.
int32_t gatherWindows(const OpCall& call, const Windows& n, const float* x, const float* before,
                      int64_t first, int64_t count, float* to) noexcept;

// Its adjoint: each element of dx becomes the sum of what `from` has for it, elements of windows
// in their order. Windows come in ascending order, call by call: what the rows of the batch have
// from the calls before is added to.
int32_t sumWindows(const OpCall& call, const Windows& n, const float* from, int64_t first,
                   int64_t count, float* dx) noexcept;

}  // namespace sluice::cuda
