// How fast the kernels are on one thread of this machine: what predictions are made of, and how a
// recurrence's threads share its work (recurrent_grid.h).
#pragma once

#include <cstdint>

#include "cpu/tile.h"

namespace sluice::cpu {

// Measured at the first call, in a few milliseconds, once for each instruction set. Flop a second;
// but for `farRow` the operands lie in the first or second cache, so a kernel whose operands do not
// is slower than predicted.
struct Speed {
  double tile[kMaxTileRows];  // products of this many rows, less one
  double oneRow;              // several panels and one row: bound by reading the weights
  double farRow;              // one panel and one row, the weights in the last-level cache
  int64_t nearBytes;          // weights up to this size stay near a core
};
const Speed& speed() noexcept;
// sgemm of square matrices, on one thread; measured at the first call.
double blasSpeed() noexcept;

// Seconds that one thread needs for a product of matrices [rows,k] and [k,n].
double productSeconds(int64_t rows, int64_t k, int64_t n) noexcept;

}  // namespace sluice::cpu
