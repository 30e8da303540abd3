// Losses: elements in float, sums in double.
#include "cuda/device/activate.h"
#include "cuda/kernels.h"
#include "cuda/weighted_rows.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

struct LossRows {
  LossAttributes attributes;
  const float *p, *t;
  const int32_t* classes;
  const double* scale;
  float* dp;
  int64_t length;

  __device__ double factor(double weight) const { return scale ? *scale * weight : weight; }
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

// The loss of a row, as sumWeightedRows asks for it; its gradient goes to dp where that is wanted.
__device__ double meanRow(const LossRows& all, const Team& team, int64_t row, int64_t members,
                          double weight) {
  const auto factor = static_cast<float>(all.factor(weight) / static_cast<double>(all.length));
  const double sum = sumOf(team, members, [&](int64_t f) {
    const int64_t i = row * all.length + f;
    if (weight == 0) {
      if (all.dp) all.dp[i] = 0.0f;
      return 0.0;
    }
    const Element at = elementLoss(all.attributes, all.p[i], all.t[i]);
    if (all.dp) all.dp[i] = factor * at.slope;
    return at.value;
  });
  return sum / static_cast<double>(all.length);
}

struct Powers {
  double sum = 0;                    // of e^(p - largest)
  double total = 0, difference = 0;  // of the targets, and of them times (largest - p)
  __device__ void merge(const Powers& other) {
    sum += other.sum;
    total += other.total;
    difference += other.difference;
  }
};

// Cross-entropy over the row: log(sum(exp(p))) sum(t) - sum(t p), with the largest p taken out.
__device__ double crossEntropyRow(const LossRows& all, const Team& team, int64_t row,
                                  int64_t members, double weight) {
  const int64_t length = weight == 0 ? 0 : members;
  const float* p = all.p + row * all.length;
  const float* t = all.classes ? nullptr : all.t + row * all.length;
  float* dp = all.dp ? all.dp + row * all.length : nullptr;
  const int64_t truth = all.classes && length > 0 ? all.classes[row] : 0;
  const bool isClass = truth >= 0 && truth < all.length;
  const auto target = [&](int64_t f) { return t ? t[f] : f == truth ? 1.0f : 0.0f; };
  Largest own;
  for (int64_t f = team.lane(); f < length; f += team.lanes()) own.merge({p[f]});
  const float largest = team.merged(own).value;
  Powers powers;
  for (int64_t f = team.lane(); f < length; f += team.lanes()) {
    powers.sum += static_cast<double>(expf(p[f] - largest));
    if (!t && f != truth) continue;
    const auto share = static_cast<double>(target(f));
    powers.total += share;
    powers.difference += share * (static_cast<double>(largest) - static_cast<double>(p[f]));
  }
  const auto [sum, total, difference] = team.merged(powers);
  const double by = all.factor(weight), none = static_cast<double>(NAN);
  const auto factor = static_cast<float>(isClass ? by * total / sum : none);
  for (int64_t f = team.lane(); dp && f < members; f += team.lanes())
    dp[f] = weight == 0 ? 0.0f : expf(p[f] - largest) * factor - target(f) * static_cast<float>(by);
  return isClass ? log(sum) * total + difference : none;
}

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
                     shape.last()};
  const RowWeights weights = rowWeights(call.in[kWeight], call.in[kMask], shape.rows());
  double* sums = output<double>(call, kSums);
  if (sparse || attributes.kind == LossKind::CategoricalCrossentropy)
    return sumWeightedRows(
        call, shape, weights, sums,
        [=] __device__(const Team& team, int64_t row, int64_t members, double weight) {
          return crossEntropyRow(all, team, row, members, weight);
        });
  return sumWeightedRows(
      call, shape, weights, sums,
      [=] __device__(const Team& team, int64_t row, int64_t members, double weight) {
        return meanRow(all, team, row, members, weight);
      });
}

size_t scratchBytes(const OpCall& call) noexcept {
  return weightedRowsScratchBytes(call.in[loss::kPrediction].shape.rows());
}

}  // namespace

Kernel lossKernel() {
  return {.name = "cuda.loss", .scratchBytes = scratchBytes, .launch = runLoss};
}

}  // namespace sluice::cuda
