// What rows count: common to the fast backends.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core/tensor.h"

namespace sluice {

// Both are plain data, which kernels of a device take along.

// Which rows of features of a tensor [B,T,...] count, by a mask [B,T].
struct CountedRows {
  const uint8_t* mask;  // null: all
  int64_t perStep;

  constexpr bool operator()(int64_t row) const { return !mask || mask[row / perStep] != 0; }
};

inline CountedRows countedRows(const TensorView& mask, const Shape& x) {
  if (!mask.present()) return {nullptr, 1};
  return {mask.as<const uint8_t>(), x.rows() / std::max<int64_t>(1, mask.shape.elements())};
}

// How much rows of losses and metrics count.
struct RowWeights {
  const float* weight;  // null: all the same
  const uint8_t* mask;  // null: all count
  int64_t rowsPerWeight, rowsPerMask;

  constexpr bool allOne() const { return !weight && !mask; }
  // 0 where the row is not to be looked at.
  constexpr double of(int64_t row) const {
    if (mask && !mask[row / rowsPerMask]) return 0;
    return weight ? static_cast<double>(weight[row / rowsPerWeight]) : 1;
  }
};

// Of so many rows, by the arguments of the op, either of which may be absent.
inline RowWeights rowWeights(const TensorView& weight, const TensorView& mask, int64_t rows) {
  return {.weight = weight.present() ? weight.as<const float>() : nullptr,
          .mask = mask.present() ? mask.as<const uint8_t>() : nullptr,
          .rowsPerWeight = rows / std::max<int64_t>(1, weight.shape.elements()),
          .rowsPerMask = rows / std::max<int64_t>(1, mask.shape.elements())};
}

}  // namespace sluice
