// Walks over some of a tensor's axes: what broadcasting, reductions and moves share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core/tensor.h"

namespace sluice {

// Row-major strides of a shape; 0 along extents of 1, so that they stand for any number.
struct Strides {
  int64_t of[kMaxRank] = {};

  explicit Strides(const Shape& shape) {
    int64_t stride = 1;
    for (int i = shape.rank - 1; i >= 0; --i) {
      of[i] = shape[i] == 1 ? 0 : stride;
      stride *= shape[i];
    }
  }
};

// A tensor seen as [outer, extent, inner], extent along one of its axes.
struct AxisView {
  int64_t outer = 1, extent, inner = 1;

  AxisView(const Shape& shape, int axis) : extent(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank; ++i) inner *= shape[i];
  }
};

// Axes whose positions are counted through in row-major order. Neighbours that lie in memory as one
// are one.
struct Axes {
  int rank = 0;
  int64_t extent[kMaxRank] = {}, stride[kMaxRank] = {};
  int64_t count = 1;  // of positions

  // Behind those that are there.
  void append(int64_t positions, int64_t by) {
    count *= positions;
    if (positions == 1) return;
    if (rank > 0 && stride[rank - 1] == by * positions) {
      extent[rank - 1] *= positions;
      stride[rank - 1] = by;
      return;
    }
    extent[rank] = positions;
    stride[rank++] = by;
  }
  // Where position i lies.
  constexpr int64_t at(int64_t i) const {
    int64_t offset = 0;
    for (int d = rank - 1; d > 0; --d) {
      offset += i % extent[d] * stride[d];
      i /= extent[d];
    }
    return rank > 0 ? offset + i * stride[0] : 0;
  }
  // How many of the last positions lie side by side.
  int64_t run() const { return rank > 0 && stride[rank - 1] == 1 ? extent[rank - 1] : 1; }
};

// The positions of an operand as those of the result are counted through.
inline Axes broadcastAxes(const Shape& operand, const Shape& result) {
  const Strides strides(operand);
  Axes axes;
  for (int i = 0; i < result.rank; ++i) axes.append(result[i], strides.of[i]);
  return axes;
}

// The axes of x that are in `axes`, or those that are not.
inline Axes someAxes(const Shape& x, int32_t axes, bool in) {
  const Strides strides(x);
  Axes some;
  for (int i = 0; i < x.rank; ++i)
    if ((axes >> i & 1) == (in ? 1 : 0)) some.append(x[i], strides.of[i]);
  return some;
}

// Elements of one step of a tensor [B,T,...]: element i belongs to step i / perStep of the mask.
inline int64_t perStep(const Shape& shape) {
  int64_t n = 1;
  for (int i = 2; i < shape.rank; ++i) n *= shape[i];
  return std::max<int64_t>(1, n);
}

}  // namespace sluice
