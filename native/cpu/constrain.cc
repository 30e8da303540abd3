// Constrain: two passes over the weights, some columns at a time, so that the second one finds them
// in the cache.
#include <algorithm>
#include <cmath>

#include "cpu/arguments.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "engine/backend/axes.h"

namespace sluice::cpu {
namespace {

constexpr int64_t kColumns = 64;

int64_t blocksOf(const AxisView& vectors) { return (vectors.inner + kColumns - 1) / kColumns; }

// `columns` vectors side by side, their elements `stride` apart.
void constrainBlock(const ConstraintAttributes& attr, float* w, int64_t length, int64_t stride,
                    int64_t columns) {
  double sums[kColumns] = {};
  for (int64_t i = 0; i < length; ++i)
    for (int64_t c = 0; c < columns; ++c) {
      const auto value = static_cast<double>(w[i * stride + c]);
      sums[c] += value * value;
    }
  float factors[kColumns];
  for (int64_t c = 0; c < columns; ++c) {
    const double norm = std::sqrt(sums[c]);
    const double wanted = attr.kind == ConstraintKind::UnitNorm ? 1 : std::min(norm, attr.maxValue);
    factors[c] = static_cast<float>(wanted / (1e-7 + norm));
  }
  for (int64_t i = 0; i < length; ++i)
    for (int64_t c = 0; c < columns; ++c) w[i * stride + c] *= factors[c];
}

int32_t runConstrain(const OpCall& call) noexcept {
  const auto& attr = call.attr<ConstraintAttributes>();
  const TensorView& weights = call.out[constrain::kWeights];
  auto* w = weights.as<float>();
  const int64_t n = weights.shape.elements();
  if (n == 0) return 0;
  if (attr.kind == ConstraintKind::NonNeg) {
    parallelFor(call.context->threads, n, kCheapGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) w[i] = w[i] < 0 ? 0 : w[i];
    });
    return 0;
  }
  const AxisView vectors(weights.shape, attr.axis);
  const int64_t blocks = blocksOf(vectors);
  const int64_t perTask = vectors.extent * std::min(vectors.inner, kColumns);
  const int64_t grain = std::max<int64_t>(1, kCheapGrain / perTask);
  parallelFor(
      call.context->threads, vectors.outer * blocks, grain, [&](int64_t begin, int64_t end) {
        for (int64_t task = begin; task < end; ++task) {
          const int64_t row = task / blocks;
          const int64_t column = task % blocks * kColumns;
          constrainBlock(attr, w + row * vectors.extent * vectors.inner + column, vectors.extent,
                         vectors.inner, std::min(kColumns, vectors.inner - column));
        }
      });
  return 0;
}

}  // namespace

const Kernel kConstrain = {.name = "cpu.constrain", .launch = runConstrain};

}  // namespace sluice::cpu
