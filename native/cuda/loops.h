// Loops over matrices, and over operands that are broadcast to one result.
#pragma once

#include <initializer_list>

#include "cuda/launch.h"
#include "engine/backend/axes.h"

namespace sluice::cuda {

template <typename Body>
__global__ void eachOfRowsKernel(int64_t rows, int64_t columns, Body body) {
  const int64_t column = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  const int64_t stride = int64_t{gridDim.y} * blockDim.y;
  for (int64_t row = int64_t{blockIdx.y} * blockDim.y + threadIdx.y; row < rows; row += stride)
    body(row, column);
}

// Threads side by side take columns side by side; where there are few columns, several rows.
inline Grid gridOfRows(int64_t rows, int64_t columns) {
  constexpr int64_t kMostBlocks = 65535;  // along y
  int64_t across = 1;
  while (across < columns && across < kThreads) across *= 2;
  const int64_t down = kThreads / across;
  return {dim3(static_cast<unsigned>(divideUp(columns, across)),
               static_cast<unsigned>(std::min(divideUp(rows, down), kMostBlocks))),
          dim3(static_cast<unsigned>(across), static_cast<unsigned>(down))};
}

// body(row, column) for each, in no order. body is `[=] __device__ (int64_t, int64_t) {...}`.
template <typename Body>
int32_t forEachOfRows(const OpCall& call, int64_t rows, int64_t columns, Body body) noexcept {
  return launch(call, eachOfRowsKernel<Body>, gridOfRows(rows, columns), rows, columns, body);
}

// Where the operands of an element of the result lie. The result's last axes along which each
// operand goes along or stands still are one: the columns. What is before them are the rows.
struct Walk {
  static constexpr int kMost = 4;  // operands
  struct Places {
    int64_t of[kMost];
  };

  int32_t rank = 0;  // of the rows
  int64_t extent[kMaxRank] = {};
  int64_t stride[kMaxRank][kMost] = {};
  int64_t step[kMost] = {};  // from column to column: 1, or 0
  int64_t rows = 1, columns = 1;

  // Each of the result's rank, or of its first axes alone, as a mask; absent ones lie at 0.
  Walk(const Shape& result, std::initializer_list<const Shape*> operands) {
    for (int axis = 0; axis < result.rank; ++axis) {
      int64_t by[kMost] = {};
      int k = 0;
      for (const Shape* operand : operands) {
        if (axis < operand->rank) by[k] = Strides(*operand).of[axis];
        ++k;
      }
      append(result[axis], by);
    }
    if (rank == 0) return;
    --rank;
    columns = extent[rank];
    for (int k = 0; k < kMost; ++k) step[k] = stride[rank][k];
    for (int axis = 0; axis < rank; ++axis) rows *= extent[axis];
  }

  constexpr Places at(int64_t row, int64_t column) const {
    Places places{};
    for (int k = 0; k < kMost; ++k) places.of[k] = column * step[k];
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t index = axis > 0 ? row % extent[axis] : row;
      row /= extent[axis];
      for (int k = 0; k < kMost; ++k) places.of[k] += index * stride[axis][k];
    }
    return places;
  }

 private:
  // Behind those that are there, or as one with the last of them.
  void append(int64_t positions, const int64_t (&by)[kMost]) {
    if (positions == 1) return;
    bool goesOn = rank > 0;
    for (int k = 0; goesOn && k < kMost; ++k) goesOn = stride[rank - 1][k] == by[k] * positions;
    if (!goesOn) extent[rank++] = 1;
    extent[rank - 1] *= positions;
    for (int k = 0; k < kMost; ++k) stride[rank - 1][k] = by[k];
  }
};

}  // namespace sluice::cuda
