// How products are cut into tiles, and the kernels that compute them.
#pragma once

#include <cstddef>

#include "cuda/device/tiles.h"
#include "cuda/launch.h"

namespace sluice::cuda {

// Of k: `count` pieces of `depth`, the last one of what is left.
struct Pieces {
  int64_t count = 1;
  int64_t depth = 0;
};

struct TileShape {
  int rows, columns;
};

// The first of the shapes, which stand in order from the largest to the smallest, that gives most
// multiprocessors a tile. Sums do not depend on the shape.
template <size_t N>
int tileFor(const TileShape (&shapes)[N], const TiledProduct& all, int multiprocessors) {
  const Product& p = all.product;
  for (size_t i = 0; i < N; ++i) {
    const int64_t tiles = divideUp(p.m, shapes[i].rows) * divideUp(p.n, shapes[i].columns);
    if (tiles * all.pieces * p.batch.count() * 4 >= int64_t{multiprocessors} * 3)
      return static_cast<int>(i);
  }
  return static_cast<int>(N) - 1;
}

inline int64_t cut(TiledProduct& all, TileShape shape) {
  all.tileRows = divideUp(all.product.m, shape.rows);
  all.tileColumns = divideUp(all.product.n, shape.columns);
  return all.tileRows * all.tileColumns * all.pieces * all.product.batch.count();
}

TiledProduct tiled(const Product& product, const Pieces& pieces);

// Each piece becomes a matrix [m,n] of its own, one behind the other from product.c on.
int32_t multiplyFloat32(const OpCall& call, const TiledProduct& all) noexcept;
// Factors in less than float32.
int32_t multiplyRounded(const OpCall& call, const TiledProduct& all) noexcept;

// Of the call's device; asked for once.
int multiprocessors(const OpCall& call);

}  // namespace sluice::cuda
