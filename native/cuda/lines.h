// The numbers along one axis of a tensor, line beside line.
#pragma once

#include "cuda/groups.h"
#include "engine/core/tensor.h"

namespace sluice::cuda {

struct Lines {
  int64_t count = 1, length, inner = 1;  // numbers of a line are `inner` apart

  Lines(const Shape& shape, int axis) : length(shape[axis]) {
    for (int i = 0; i < axis; ++i) count *= shape[i];
    for (int i = axis + 1; i < shape.rank; ++i) inner *= shape[i];
    count *= inner;
  }
  Groups groups() const { return {count, length, inner > 1}; }
  __device__ int64_t first(int64_t line) const {
    return line / inner * length * inner + line % inner;
  }
};

}  // namespace sluice::cuda
