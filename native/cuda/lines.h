// The numbers along one axis of a tensor, line beside line.
#pragma once

#include "cuda/groups.h"
#include "engine/backend/axes.h"

namespace sluice::cuda {

struct Lines : AxisView {  // numbers of a line are `inner` apart
  using AxisView::AxisView;
  Groups groups() const { return {outer * inner, extent, inner > 1}; }
  __device__ int64_t first(int64_t line) const {
    return line / inner * extent * inner + line % inner;
  }
};

}  // namespace sluice::cuda
