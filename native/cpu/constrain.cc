// Constrain: two passes over the weights, some columns at a time, so that the second one finds them
// in the cache.
#include <algorithm>
#include <cmath>

#include "cpu/arguments.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

constexpr int64_t kColumns = 64;

// The weights as [outer, length, inner], vectors lying along the middle.
struct Vectors {
  int64_t outer = 1, length = 1, inner = 1;
  Vectors(const Shape& shape, int axis) : length(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank; ++i) inner *= shape[i];
  }
  int64_t blocks() const { return (inner + kColumns - 1) / kColumns; }
};

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
  const Vectors vectors(weights.shape, attr.axis);
  const int64_t perTask = vectors.length * std::min(vectors.inner, kColumns);
  const int64_t grain = std::max<int64_t>(1, kCheapGrain / perTask);
  parallelFor(call.context->threads, vectors.outer * vectors.blocks(), grain,
              [&](int64_t begin, int64_t end) {
                for (int64_t task = begin; task < end; ++task) {
                  const int64_t row = task / vectors.blocks();
                  const int64_t column = task % vectors.blocks() * kColumns;
                  constrainBlock(attr, w + row * vectors.length * vectors.inner + column,
                                 vectors.length, vectors.inner,
                                 std::min(kColumns, vectors.inner - column));
                }
              });
  return 0;
}

}  // namespace

const Kernel kConstrain = {.name = "cpu.constrain", .launch = runConstrain};

}  // namespace sluice::cpu
