// What losses and metrics share: the weights of rows, and sums over blocks of rows whose edges
// follow from the shape alone, so that they do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/loss_math.h"
#include "cpu/parallel.h"
#include "engine/backend/op.h"
#include "engine/backend/row_weights.h"

namespace sluice::cpu {

// Sum of w * value and sum of w.
struct RowSums {
  double value = 0;
  double weight = 0;
};

inline int64_t rowsPerBlock(const Shape& prediction) {
  return std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, prediction.last()));
}
inline size_t blockSumBytes(const Shape& prediction) {
  const int64_t block = rowsPerBlock(prediction);
  return static_cast<size_t>((prediction.rows() + block - 1) / block) * sizeof(RowSums);
}

// Adds up body(begin, end) over blocks of rows. `blocks` is scratch of blockSumBytes.
template <typename F>
RowSums sumOverBlocks(int threads, const Shape& prediction, void* scratch, F&& body) {
  const int64_t rows = prediction.rows(), block = rowsPerBlock(prediction);
  const int64_t count = (rows + block - 1) / block;
  auto* blocks = static_cast<RowSums*>(scratch);
  parallelFor(threads, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      blocks[i] = body(i * block, std::min(rows, (i + 1) * block));
    }
  });
  RowSums all;
  for (int64_t i = 0; i < count; ++i) {
    all.value += blocks[i].value;
    all.weight += blocks[i].weight;
  }
  return all;
}

// Rows [begin, end) of a loss that is the mean over the last axis of F. The gradient of scale times
// the sum goes to dp where that is not null.
inline RowSums elementRows(const LossAttributes& loss, const RowWeights& weights, const float* p,
                           const float* t, int64_t F, int64_t begin, int64_t end, double scale,
                           float* dp) {
  constexpr int64_t kTile = 1024;
  float values[kTile];
  RowSums sums;
  // `count` rows of the same weight w, whose elements' losses add up to total.
  const auto finish = [&](int64_t row, int64_t count, double w, double total) {
    float* gradient = dp ? dp + row * F : nullptr;
    if (w == 0) {
      if (gradient) std::fill_n(gradient, count * F, 0.0f);
      return;
    }
    sums.value += w * total / static_cast<double>(F);
    sums.weight += w * static_cast<double>(count);
    if (gradient)
      scaleBy(static_cast<float>(scale * w / static_cast<double>(F)), gradient, count * F);
  };
  const auto tile = [&](int64_t at, int64_t n) {
    elementLosses(loss, p + at, t + at, n, values, dp ? dp + at : nullptr);
  };
  const int64_t atOnce = std::max<int64_t>(1, kTile / F);
  for (int64_t row = begin; row < end; row += atOnce) {
    const int64_t count = std::min(atOnce, end - row);
    if (F > kTile) {  // one row in several tiles
      double total = 0;
      for (int64_t f = 0; f < F; f += kTile) {
        tile(row * F + f, std::min(kTile, F - f));
        total += sumOf(values, std::min(kTile, F - f));
      }
      finish(row, 1, weights.of(row), total);
      continue;
    }
    tile(row * F, count * F);
    if (weights.allOne()) {
      finish(row, count, 1, sumOf(values, count * F));
      continue;
    }
    for (int64_t i = 0; i < count; ++i) {
      finish(row + i, 1, weights.of(row + i), sumOf(values + i * F, F));
    }
  }
  return sums;
}

}  // namespace sluice::cpu
