// Sums over the rows of a matrix: the gradient of a bias.
#pragma once

#include <cstdint>

namespace sluice::cpu {

// sums [columns] of matrix [rows, columns]. In blocks of rows, so that the rounding errors of a
// long batch do not add up; the order follows from the shape alone.
void columnSums(int threads, int64_t rows, int64_t columns, const float* matrix,
                float* sums) noexcept;

}  // namespace sluice::cpu
