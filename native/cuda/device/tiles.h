// What the kernels of matrix products share: which tile a block computes, and how it leaves.
#pragma once

#include <cuda_runtime.h>

#include "cuda/gemm.h"

namespace sluice::cuda {

// A product as a kernel gets it, whose extents and strides fit into 32 bits. Blocks are numbered
// through products of a batch, pieces of k, rows of tiles and, fastest, tiles side by side, which
// share rows of a.
struct TiledProduct {
  Product product;
  int64_t tileRows = 0, tileColumns = 0;
  int64_t pieces = 1;  // of k, each a matrix of its own in c
  int64_t pieceDepth = 0;
  // Whether four neighbours in memory may be read, or written, as one.
  bool wideA = false, wideB = false, wideC = false;
};

// One matrix as it lies in memory, from one of its elements on: rows of contiguous columns.
struct Block {
  const float* data;
  int stride;
  int rows, columns;  // what is left of the matrix; beyond there are zeros
  bool wide;

  __device__ const float* at(int row, int column) const {
    return data + static_cast<int64_t>(row) * stride + column;
  }
  __device__ bool holds(int row, int column) const { return row < rows && column < columns; }
};

// The block's part of a product.
struct TilePlace {
  int row, column;     // of c
  int depth;           // steps of k
  int rows, columns;   // from there on to the end of c
  const float *a, *b;  // the first elements that count
  float* c;

  __device__ TilePlace(const TiledProduct& all, int tileRows, int tileColumns) {
    const Product& p = all.product;
    int64_t i = blockIdx.x;
    column = static_cast<int>(i % all.tileColumns) * tileColumns;
    i /= all.tileColumns;
    row = static_cast<int>(i % all.tileRows) * tileRows;
    i /= all.tileRows;
    const int64_t piece = i % all.pieces;
    i /= all.pieces;
    const int64_t first = piece * all.pieceDepth, left = p.k - first;
    depth = static_cast<int>(left < all.pieceDepth ? left : all.pieceDepth);
    rows = static_cast<int>(p.m) - row;
    columns = static_cast<int>(p.n) - column;
    const int64_t outer = i / p.batch.inner, inner = i % p.batch.inner;
    a = p.a + outer * p.batch.outerA + inner * p.batch.innerA +
        (p.transposeA ? first * p.lda + row : row * p.lda + first);
    b = p.b + outer * p.batch.outerB + inner * p.batch.innerB +
        (p.transposeB ? column * p.ldb + first : first * p.ldb + column);
    c = p.c + outer * p.batch.outerC + inner * p.batch.innerC + piece * p.m * p.n;
  }

  // The factors' parts from step `at` of the piece on.
  template <bool Transposed>
  __device__ Block blockOfA(const TiledProduct& all, int at) const {
    const int stride = static_cast<int>(all.product.lda);
    return Transposed
               ? Block{a + static_cast<int64_t>(at) * stride, stride, depth - at, rows, all.wideA}
               : Block{a + at, stride, rows, depth - at, all.wideA};
  }
  template <bool Transposed>
  __device__ Block blockOfB(const TiledProduct& all, int at) const {
    const int stride = static_cast<int>(all.product.ldb);
    return Transposed ? Block{b + at, stride, columns, depth - at, all.wideB}
                      : Block{b + static_cast<int64_t>(at) * stride, stride, depth - at, columns,
                              all.wideB};
  }
};

// A sum takes its place in c.
__device__ inline void leave(const Product& p, float* c, int row, int column, float sum) {
  if (row >= p.m || column >= p.n) return;
  float* to = c + static_cast<int64_t>(row) * p.ldc + column;
  if (p.bias) sum += p.bias[column];
  *to = p.accumulate ? *to + sum : sum;
}

// N neighbours of a row.
template <int N>
__device__ inline void leaveGroup(const TiledProduct& all, float* c, int row, int column,
                                  const float* sums) {
  const Product& p = all.product;
  if (N != 4 || !all.wideC) {
#pragma unroll
    for (int j = 0; j < N; ++j) leave(p, c, row, column + j, sums[j]);
    return;
  }
  if (row >= p.m || column >= p.n) return;
  auto* to = reinterpret_cast<float4*>(c + static_cast<int64_t>(row) * p.ldc + column);
  float4 v = make_float4(sums[0], sums[1], sums[2], sums[3]);
  if (p.bias) {
    v.x += p.bias[column], v.y += p.bias[column + 1];
    v.z += p.bias[column + 2], v.w += p.bias[column + 3];
  }
  if (p.accumulate) {
    const float4 old = *to;
    v = make_float4(old.x + v.x, old.y + v.y, old.z + v.z, old.w + v.w);
  }
  *to = v;
}

}  // namespace sluice::cuda
