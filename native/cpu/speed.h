// How fast the kernels are on one thread of this machine: what predictions are made of.
#pragma once

#include <cstdint>

#include "cpu/tile.h"

namespace sluice::cpu {

// Measured at the first call, in a few milliseconds, once for each instruction set. Operands lie in
// the first or second cache, so a kernel whose operands do not is slower than predicted. Flop a
// second. (A GRU has a model of its own, in gru_grid.h, which decides how its threads share.)
struct Speed {
  double tile[kMaxTileRows];  // products of this many rows, less one
  double oneRow;              // several panels and one row: bound by reading the weights
  double blas;                // sgemm of square matrices
};
const Speed& speed() noexcept;

// Seconds that one thread needs for a product of matrices [rows,k] and [k,n].
double productSeconds(int64_t rows, int64_t k, int64_t n) noexcept;

}  // namespace sluice::cpu
