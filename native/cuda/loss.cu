// Losses: elements in float, sums in double. Lanes share a row.
#include "cuda/arguments.h"
#include "cuda/device/activate.h"
#include "cuda/kernels.h"
#include "cuda/sums.h"
#include "engine/backend/row_weights.h"

namespace sluice::cuda {
namespace {

struct LossRows {
  LossAttributes attributes;
  const float *p, *t;
  const int32_t* classes;
  const double* scale;
  float* dp;
  int64_t rows, length;
  RowWeights weights;
};

// One element of a loss that is a mean, and its derivative.
struct Element {
  double value;
  float slope;
};
__device__ Element elementLoss(const LossAttributes& attributes, float p, float t) {
  const float e = p - t, size = fabsf(e), sign = e > 0 ? 1.0f : e < 0 ? -1.0f : e;
  const auto wide = static_cast<double>(e);
  const double delta = attributes.delta;
  switch (attributes.kind) {
    case LossKind::MeanAbsoluteError:
      return {static_cast<double>(size), sign};
    case LossKind::Huber:
      if (static_cast<double>(size) <= delta) return {0.5 * wide * wide, e};
      return {delta * static_cast<double>(size) - 0.5 * delta * delta,
              static_cast<float>(delta) * sign};
    case LossKind::BinaryCrossentropy:
      return {static_cast<double>(fmaxf(p, 0.0f) - p * t + log1pf(expf(-fabsf(p)))),
              sigmoid(p) - t};
    case LossKind::Value:
      return {static_cast<double>(p), 1.0f};
    default:
      return {wide * wide, 2 * e};
  }
}

// The row's loss; its gradient times `by` goes to dp where that is wanted. A row that does not
// count has no elements.
template <int Lanes>
__device__ double meanRow(const LossRows& all, int64_t row, int64_t length, int lane, double by) {
  const auto factor = static_cast<float>(by / static_cast<double>(all.length));
  double sum = 0;
  for (int64_t f = lane; f < length; f += Lanes) {
    const int64_t i = row * all.length + f;
    const Element at = elementLoss(all.attributes, all.p[i], all.t[i]);
    sum += at.value;
    if (all.dp) all.dp[i] = factor * at.slope;
  }
  return sumOfLanes<Lanes>(sum) / static_cast<double>(all.length);
}

// Cross-entropy over the row: log(sum(exp(p))) sum(t) - sum(t p), with the largest p taken out.
template <int Lanes>
__device__ double crossEntropyRow(const LossRows& all, int64_t row, int64_t length, int lane,
                                  double by) {
  const float* p = all.p + row * all.length;
  const float* t = all.classes ? nullptr : all.t + row * all.length;
  float* dp = all.dp ? all.dp + row * all.length : nullptr;
  const int64_t truth = all.classes && length > 0 ? all.classes[row] : 0;
  const bool isClass = truth >= 0 && truth < all.length;
  const auto target = [&](int64_t f) { return t ? t[f] : f == truth ? 1.0f : 0.0f; };
  float largest = -INFINITY;
  for (int64_t f = lane; f < length; f += Lanes) largest = fmaxf(largest, p[f]);
  largest = maxOfLanes<Lanes>(largest);
  double sum = 0, total = 0, difference = 0;
  for (int64_t f = lane; f < length; f += Lanes) {
    sum += static_cast<double>(expf(p[f] - largest));
    if (!t && f != truth) continue;
    const auto share = static_cast<double>(target(f));
    total += share;
    difference += share * (static_cast<double>(largest) - static_cast<double>(p[f]));
  }
  sum = sumOfLanes<Lanes>(sum);
  total = sumOfLanes<Lanes>(total);
  difference = sumOfLanes<Lanes>(difference);
  const double none = static_cast<double>(NAN);
  const auto factor = static_cast<float>(isClass ? by * total / sum : none);
  for (int64_t f = lane; dp && f < length; f += Lanes)
    dp[f] = expf(p[f] - largest) * factor - target(f) * static_cast<float>(by);
  return isClass ? log(sum) * total + difference : none;
}

template <int Lanes>
struct LossRow {
  LossRows all;

  __device__ void operator()(int64_t i, double (&sums)[2]) const {
    const int64_t row = i / Lanes;
    const int lane = static_cast<int>(i % Lanes);
    const bool inside = row < all.rows;
    const double weight = inside ? all.weights.of(row) : 0;
    const int64_t length = weight == 0 ? 0 : all.length;
    const double by = all.scale ? *all.scale * weight : weight;
    const bool isCrossEntropy = all.attributes.kind == LossKind::CategoricalCrossentropy ||
                                all.attributes.kind == LossKind::SparseCategoricalCrossentropy;
    const double value = isCrossEntropy ? crossEntropyRow<Lanes>(all, row, length, lane, by)
                                        : meanRow<Lanes>(all, row, length, lane, by);
    if (length > 0 && lane == 0) {
      sums[0] += weight * value;
      sums[1] += weight;
    }
    for (int64_t f = lane; all.dp && inside && length == 0 && f < all.length; f += Lanes)
      all.dp[row * all.length + f] = 0.0f;
  }
};

int32_t runLoss(const OpCall& call) noexcept {
  using namespace loss;
  const auto& attributes = call.attr<LossAttributes>();
  const Shape& shape = call.in[kPrediction].shape;
  const bool sparse = attributes.kind == LossKind::SparseCategoricalCrossentropy;
  const float* p = input(call, kPrediction);
  const LossRows all{attributes,
                     p,
                     attributes.kind == LossKind::Value ? p
                     : sparse                           ? nullptr
                                                        : input(call, kTarget),
                     sparse ? input<int32_t>(call, kTarget) : nullptr,
                     input<double>(call, kScale),
                     output(call, kDPrediction),
                     shape.rows(),
                     shape.last(),
                     rowWeights(call.in[kWeight], call.in[kMask], shape.rows())};
  return sumRowsOf<LossRow>(call, all, output<double>(call, kSums));
}

size_t scratchBytes(const OpCall& call) noexcept {
  return rowSumScratchBytes(call.in[loss::kPrediction].shape.rows());
}

}  // namespace

Kernel lossKernel() {
  return {.name = "cuda.loss", .scratchBytes = scratchBytes, .launch = runLoss};
}

}  // namespace sluice::cuda
