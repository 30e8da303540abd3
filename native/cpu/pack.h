// Brings matrices into the packed form of gemm.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cpu/tile.h"

namespace sluice::cpu {

// Floats of a packed [k, columns] matrix.
inline int64_t packedFloats(int64_t lanes, int64_t k, int64_t columns) {
  return k * roundUp(columns, lanes);
}

// Up to one vector of columns: `at` is the element of k = 0 in its first column.
struct ColumnBlock {
  const float* at;
  int64_t count;
};

// Copies n floats, n being the floats of a vector: a call of memcpy costs more than such a copy.
inline void copyVector(const float* from, int64_t n, float* to) {
  switch (n) {
    case 16:
      std::memcpy(to, from, 16 * sizeof(float));
      return;
    case 8:
      std::memcpy(to, from, 8 * sizeof(float));
      return;
    default:
      for (int64_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

// out[i * outStride + j] = from[i + j * columnStride]. Works in squares that fit the first-level
// cache both ways.
inline void packTransposed(int64_t k, int64_t columns, const float* from, int64_t columnStride,
                           float* out, int64_t outStride) {
  constexpr int64_t kSquare = 16;
  for (int64_t first = 0; first < k; first += kSquare) {
    const int64_t count = std::min(kSquare, k - first);
    for (int64_t j = 0; j < columns; ++j) {
      const float* column = from + j * columnStride + first;
      float* to = out + first * outStride + j;
      for (int64_t i = 0; i < count; ++i) to[i * outStride] = column[i];
    }
  }
}

// Packs `vectors` blocks of columns, blockOf(v) naming each, in panels of `panelVectors`; columns
// beyond a block's count are zero. Element (k, j) of a block lies at at[k * kStride + j], or where
// kStride is 1 at at[k + j * columnStride].
template <typename BlockOf>
void packColumns(int64_t lanes, int64_t k, int64_t vectors, int64_t kStride, int64_t columnStride,
                 const BlockOf& blockOf, float* packed, int64_t panelVectors = kPanelVectors) {
  for (int64_t first = 0; first < vectors; first += panelVectors) {
    const int64_t inPanel = std::min(panelVectors, vectors - first);
    const int64_t width = inPanel * lanes;
    for (int64_t v = 0; v < inPanel; ++v) {
      const ColumnBlock block = blockOf(first + v);
      float* out = packed + v * lanes;
      if (block.count < lanes)
        for (int64_t i = 0; i < k; ++i) std::fill_n(out + i * width, lanes, 0.0f);
      if (columnStride != 1)
        packTransposed(k, block.count, block.at, columnStride, out, width);
      else
        for (int64_t i = 0; i < k; ++i)
          copyVector(block.at + i * kStride, block.count, out + i * width);
    }
    packed += k * width;
  }
}

// The columns of one matrix in their order.
inline void packMatrix(int64_t lanes, int64_t k, int64_t columns, const float* matrix,
                       int64_t kStride, int64_t columnStride, float* packed) {
  const auto blockOf = [&](int64_t v) {
    return ColumnBlock{matrix + v * lanes * columnStride, std::min(lanes, columns - v * lanes)};
  };
  packColumns(lanes, k, roundUp(columns, lanes) / lanes, kStride, columnStride, blockOf, packed);
}

}  // namespace sluice::cpu
