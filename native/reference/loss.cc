// Losses and metrics: sums of w * value and of w over the rows that count. Values are computed in
// double whatever the tensors' dtype; a row is everything but the last axis.
#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/activation.h"
#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// The weight of a row; 0 where the mask leaves it out.
template <typename Real>
double rowWeight(const TensorView& weight, const TensorView& mask, int64_t rows, int64_t row) {
  if (mask.present() && !mask.as<const uint8_t>()[row / (rows / mask.shape.elements())]) return 0;
  if (!weight.present()) return 1;
  return static_cast<double>(weight.as<const Real>()[row / (rows / weight.shape.elements())]);
}

// Where the row's target is a class, its index; -1 if it is out of range.
int64_t classOf(const TensorView& target, int64_t row, int64_t F) {
  const int32_t index = target.as<const int32_t>()[row];
  return index >= 0 && index < F ? index : -1;
}

template <typename Real>
int64_t argmax(const Real* p, int64_t F) {
  return std::max_element(p, p + F) - p;  // the first of several
}

// log(sum(exp(p - max))), so that log-softmax is p - max - this.
template <typename Real>
double logSumExp(const Real* p, int64_t F, double max) {
  double sum = 0;
  for (int64_t f = 0; f < F; ++f) sum += std::exp(static_cast<double>(p[f]) - max);
  return std::log(sum);
}

// The losses that are means over the last axis: one element, and its derivative.
struct Element {
  double value, slope;
};
Element element(const LossAttributes& attr, double p, double t) {
  const double e = p - t, size = std::abs(e), sign = e > 0 ? 1 : e < 0 ? -1 : e;
  switch (attr.kind) {
    case LossKind::MeanAbsoluteError:
      return {size, sign};
    case LossKind::Huber:
      if (size <= attr.delta) return {0.5 * e * e, e};
      return {attr.delta * size - 0.5 * attr.delta * attr.delta, attr.delta * sign};
    case LossKind::BinaryCrossentropy:
      return {std::max(p, 0.0) - p * t + std::log1p(std::exp(-std::abs(p))), sigmoid(p) - t};
    case LossKind::Value:
      return {p, 1};
    default:
      return {e * e, 2 * e};
  }
}

// The value of a row; its gradient times `scale` goes to `gradient` where that is wanted.
template <typename Real>
double rowLoss(const LossAttributes& attr, const Real* p, const TensorView& target, int64_t row,
               int64_t F, double scale, Real* gradient) {
  if (attr.kind == LossKind::SparseCategoricalCrossentropy ||
      attr.kind == LossKind::CategoricalCrossentropy) {
    const bool sparse = attr.kind == LossKind::SparseCategoricalCrossentropy;
    const int64_t truth = sparse ? classOf(target, row, F) : 0;
    const Real* given = sparse ? nullptr : target.as<const Real>() + row * F;
    if (truth < 0) {  // no such class
      if (gradient) std::fill_n(gradient, F, std::numeric_limits<Real>::quiet_NaN());
      return std::numeric_limits<double>::quiet_NaN();
    }
    const auto t = [&](int64_t f) {
      return sparse ? (f == truth ? 1.0 : 0.0) : static_cast<double>(given[f]);
    };
    const double max = static_cast<double>(*std::max_element(p, p + F)), log = logSumExp(p, F, max);
    double value = 0, total = 0;
    for (int64_t f = 0; f < F; ++f) total += t(f);
    for (int64_t f = 0; f < F; ++f) {
      const double logSoftmax = static_cast<double>(p[f]) - max - log;
      if (!(sparse && f != truth)) value -= t(f) * logSoftmax;
      if (gradient) gradient[f] = static_cast<Real>(scale * (std::exp(logSoftmax) * total - t(f)));
    }
    return value;
  }
  const Real* t = attr.kind == LossKind::Value ? p : target.as<const Real>() + row * F;
  double sum = 0;
  for (int64_t f = 0; f < F; ++f) {
    const Element at = element(attr, static_cast<double>(p[f]), static_cast<double>(t[f]));
    sum += at.value;
    if (gradient) gradient[f] = static_cast<Real>(scale * at.slope / static_cast<double>(F));
  }
  return sum / static_cast<double>(F);
}

template <typename Real>
int32_t runLoss(const OpCall& call) noexcept {
  using namespace loss;
  const TensorView& prediction = call.in[kPrediction];
  const int64_t rows = prediction.shape.rows(), F = prediction.shape.last();
  const double scale = call.in[kScale].present() ? *input<double>(call, kScale) : 1;
  Real* gradient = output<Real>(call, kDPrediction);
  double* sums = output<double>(call, kSums);
  sums[0] = sums[1] = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const double weight = rowWeight<Real>(call.in[kWeight], call.in[kMask], rows, row);
    Real* dp = gradient ? gradient + row * F : nullptr;
    if (weight == 0) {
      if (dp) std::fill_n(dp, F, Real(0));
      continue;
    }
    const Real* p = prediction.as<const Real>() + row * F;
    sums[0] += weight * rowLoss(call.attr<LossAttributes>(), p, call.in[kTarget], row, F,
                                scale * weight, dp);
    sums[1] += weight;
  }
  return 0;
}

template <typename Real>
double rowMetric(const MetricAttributes& attr, const Real* p, const TensorView& target, int64_t row,
                 int64_t F) {
  if (attr.kind == MetricKind::SparseCategoricalAccuracy)
    return argmax(p, F) == classOf(target, row, F);
  const Real* t = target.as<const Real>() + row * F;
  if (attr.kind == MetricKind::CategoricalAccuracy) return argmax(p, F) == argmax(t, F);
  double sum = 0;
  for (int64_t f = 0; f < F; ++f) {
    const double value = static_cast<double>(p[f]), truth = static_cast<double>(t[f]),
                 e = value - truth;
    switch (attr.kind) {
      case MetricKind::MeanSquaredError:
        sum += e * e;
        break;
      case MetricKind::MeanAbsoluteError:
        sum += std::abs(e);
        break;
      default:
        sum += (value > attr.threshold) == (truth > 0.5) ? 1 : 0;
    }
  }
  return sum / static_cast<double>(F);
}

template <typename Real>
int32_t runMetric(const OpCall& call) noexcept {
  using namespace metric;
  const TensorView& prediction = call.in[kPrediction];
  const int64_t rows = prediction.shape.rows(), F = prediction.shape.last();
  double* sums = output<double>(call, kSums);
  sums[0] = sums[1] = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const double weight = rowWeight<Real>(call.in[kWeight], call.in[kMask], rows, row);
    if (weight == 0) continue;
    const Real* p = prediction.as<const Real>() + row * F;
    sums[0] += weight * rowMetric(call.attr<MetricAttributes>(), p, call.in[kTarget], row, F);
    sums[1] += weight;
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel lossKernel() {
  return {.name = "reference.loss", .launch = runLoss<Real>};
}
template <typename Real>
Kernel metricKernel() {
  return {.name = "reference.metric", .launch = runMetric<Real>};
}
template Kernel lossKernel<float>();
template Kernel lossKernel<double>();
template Kernel metricKernel<float>();
template Kernel metricKernel<double>();

}  // namespace sluice::reference
