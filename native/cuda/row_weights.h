// What rows of losses and metrics count.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>

#include "engine/backend/op.h"

namespace sluice::cuda {

struct RowWeights {
  RowWeights(const TensorView& weights, const TensorView& masks, int64_t rows)
      : weight(weights.present() ? weights.as<const float>() : nullptr),
        mask(masks.present() ? masks.as<const uint8_t>() : nullptr),
        rowsPerWeight(rows / std::max<int64_t>(1, weights.shape.elements())),
        rowsPerMask(rows / std::max<int64_t>(1, masks.shape.elements())) {}

  // 0 where the row is not to be looked at.
  __device__ double of(int64_t row) const {
    if (mask && !mask[row / rowsPerMask]) return 0;
    return weight ? static_cast<double>(weight[row / rowsPerWeight]) : 1;
  }

  const float* weight;
  const uint8_t* mask;
  int64_t rowsPerWeight, rowsPerMask;
};

}  // namespace sluice::cuda
