// Windows as the rows of a matrix: what a convolution multiplies.
#pragma once

#include <cstdint>

#include "engine/backend/window.h"

namespace sluice::cpu {

// to [count, n.floats()]: the windows from `first` on, zero where they lie in padding. With
// `before` (convolution::kBefore) what lies in front of the first position comes from there.
void gatherWindows(const Windows& n, const float* x, const float* before, int64_t first,
                   int64_t count, float* to);
// Its adjoint: adds the rows of `from` to the positions that they came from. The order of the sums
// is that of the windows, however they are cut into calls.
void scatterWindows(const Windows& n, const float* from, int64_t first, int64_t count, float* dx);

}  // namespace sluice::cpu
