// Sums of the columns of matrices, in double, in an order that the shape fixes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cuda {

size_t columnSumScratchBytes(int64_t rows, int64_t columns, int64_t matrices = 1) noexcept;

// out[j] = the sum of column j of x [rows,columns], for each of `matrices` that lie one after the
// other.
struct ColumnSums {
  const float* x;
  int64_t rows, columns, ldx;
  float* out;
  bool accumulate = false;  // out += instead of out =
  int64_t matrices = 1;
};
int32_t sumColumns(const OpCall& call, const ColumnSums& sums, void* scratch) noexcept;

}  // namespace sluice::cuda
