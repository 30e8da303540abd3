// Merge, Add, MaskAnd, ScaleSteps, Normalize and Dropout.
#include <algorithm>
#include <cmath>

#include "engine/core/random.h"
#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// The first of the parts that has the largest (smallest) value at i.
template <typename Real>
int32_t winner(const OpCall& call, MergeMode mode, int32_t parts, int64_t i) {
  int32_t best = 0;
  for (int32_t k = 1; k < parts; ++k) {
    const Real v = input<Real>(call, k)[i], most = input<Real>(call, best)[i];
    if (std::isnan(v) || (mode == MergeMode::Maximum ? v > most : v < most)) best = k;
    if (std::isnan(input<Real>(call, best)[i])) break;
  }
  return best;
}

template <typename Real>
int32_t runMerge(const OpCall& call) noexcept {
  Real* y = output<Real>(call, merge::kY);
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  const int64_t n = call.out[merge::kY].shape.elements();
  for (int64_t i = 0; i < n; ++i) {
    if (mode == MergeMode::Maximum || mode == MergeMode::Minimum) {
      y[i] = input<Real>(call, winner<Real>(call, mode, call.inCount, i))[i];
      continue;
    }
    y[i] = input<Real>(call, 0)[i];
    for (int32_t k = 1; k < call.inCount; ++k) {
      const Real v = input<Real>(call, k)[i];
      y[i] = mode == MergeMode::Multiply   ? y[i] * v
             : mode == MergeMode::Subtract ? y[i] - v
                                           : y[i] + v;
    }
    if (mode == MergeMode::Average) y[i] /= static_cast<Real>(call.inCount);
  }
  return 0;
}

template <typename Real>
int32_t runMergeBackward(const OpCall& call) noexcept {
  const int32_t parts = call.inCount - 1;
  const Real* dy = input<Real>(call, parts);
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  const int64_t n = call.in[parts].shape.elements();
  for (int32_t k = 0; k < parts; ++k) {
    Real* gradient = output<Real>(call, k);
    for (int64_t i = 0; gradient && i < n; ++i) {
      gradient[i] = dy[i];
      if (mode == MergeMode::Average) gradient[i] /= static_cast<Real>(parts);
      if (mode == MergeMode::Subtract && k == 1) gradient[i] = -dy[i];
      if ((mode == MergeMode::Maximum || mode == MergeMode::Minimum) &&
          winner<Real>(call, mode, parts, i) != k)
        gradient[i] = 0;
      for (int32_t other = 0; mode == MergeMode::Multiply && other < parts; ++other)
        if (other != k) gradient[i] *= input<Real>(call, other)[i];
    }
  }
  return 0;
}

template <typename Real>
int32_t runAdd(const OpCall& call) noexcept {
  const Real* x = input<Real>(call, add::kX);
  Real* y = output<Real>(call, add::kY);
  const int64_t n = call.out[add::kY].shape.elements();
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
  return 0;
}

int32_t runMaskAnd(const OpCall& call) noexcept {
  const uint8_t* a = input<uint8_t>(call, maskAnd::kA);
  const uint8_t* b = input<uint8_t>(call, maskAnd::kB);
  uint8_t* y = output<uint8_t>(call, maskAnd::kY);
  const int64_t n = call.out[maskAnd::kY].shape.elements();
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] && b[i] ? 1 : 0;
  return 0;
}

template <typename Real>
Real deviation(const NormalizeAttributes& attr, Real variance) {
  return std::max(std::sqrt(variance), static_cast<Real>(attr.epsilon));
}

template <typename Real>
int32_t runNormalize(const OpCall& call) noexcept {
  const auto& attr = call.attr<NormalizeAttributes>();
  const Real* x = input<Real>(call, normalize::kX);
  const Real* mean = input<Real>(call, normalize::kMean);
  const Real* variance = input<Real>(call, normalize::kVariance);
  Real* y = output<Real>(call, normalize::kY);
  const int64_t n = call.out[normalize::kY].shape.elements(),
                F = call.out[normalize::kY].shape.last();
  for (int64_t i = 0; i < n; ++i) {
    const Real s = deviation(attr, variance[i % F]), m = mean[i % F];
    y[i] = attr.invert ? x[i] * s + m : (x[i] - m) / s;
  }
  return 0;
}

template <typename Real>
int32_t runNormalizeBackward(const OpCall& call) noexcept {
  using namespace normalizeBackward;
  const auto& attr = call.attr<NormalizeAttributes>();
  const Real* variance = input<Real>(call, kVariance);
  const Real* dy = input<Real>(call, kDy);
  Real* dx = output<Real>(call, kDx);
  const int64_t n = call.out[kDx].shape.elements(), F = call.out[kDx].shape.last();
  for (int64_t i = 0; i < n; ++i) {
    const Real s = deviation(attr, variance[i % F]);
    dx[i] = attr.invert ? dy[i] * s : dy[i] / s;
  }
  return 0;
}

template <typename Real>
int32_t runDropout(const OpCall& call) noexcept {
  const auto& attr = call.attr<DropoutAttributes>();
  const RunContext& context = *call.context;
  const Shape& shape = call.out[dropout::kY].shape;
  const int64_t B = shape[0], perRow = B ? shape.elements() / B : 0;
  const uint64_t key = randomKey(context.seed, attr.stream);
  const int64_t firstRow = attr.ofWeights ? 0 : context.rowOffset;
  const Real scale = attr.unscaled ? Real(1) : static_cast<Real>(1 / (1 - attr.rate));
  for (int64_t b = 0; b < B; ++b) {
    const Real* x = input<Real>(call, dropout::kX);
    if (x) x += b * perRow;
    Real* y = output<Real>(call, dropout::kY) + b * perRow;
    RandomBlock random{};
    for (int64_t e = 0; e < perRow; ++e) {
      if (e % 4 == 0) {
        random = rowRandom(key, context.step, static_cast<uint64_t>(firstRow + b),
                           static_cast<uint64_t>(e / 4));
      }
      const double u = static_cast<double>(unitFloat(random[static_cast<size_t>(e % 4)]));
      y[e] = u >= attr.rate ? (x ? x[e] : Real(1)) * scale : Real(0);
    }
  }
  return 0;
}

template <typename Real>
int32_t runScaleSteps(const OpCall& call) noexcept {
  const Shape& shape = call.out[scaleSteps::kY].shape;
  const int64_t B = shape[0], T = shape[1], F = shape[2];
  const Real* x = input<Real>(call, scaleSteps::kX);
  const Real* factor = input<Real>(call, scaleSteps::kFactor);
  Real* y = output<Real>(call, scaleSteps::kY);
  for (int64_t i = 0; i < B * T * F; ++i) y[i] = x[i] * factor[i / (T * F) * F + i % F];
  return 0;
}

}  // namespace

template <typename Real>
Kernel mergeKernel() {
  return {.name = "reference.merge", .launch = runMerge<Real>};
}
template <typename Real>
Kernel mergeBackwardKernel() {
  return {.name = "reference.mergeBackward", .launch = runMergeBackward<Real>};
}
template <typename Real>
Kernel addKernel() {
  return {.name = "reference.add", .launch = runAdd<Real>};
}
template <typename Real>
Kernel normalizeKernel() {
  return {.name = "reference.normalize", .launch = runNormalize<Real>};
}
template <typename Real>
Kernel normalizeBackwardKernel() {
  return {.name = "reference.normalizeBackward", .launch = runNormalizeBackward<Real>};
}
template <typename Real>
Kernel dropoutKernel() {
  return {.name = "reference.dropout", .launch = runDropout<Real>};
}
template <typename Real>
Kernel scaleStepsKernel() {
  return {.name = "reference.scaleSteps", .launch = runScaleSteps<Real>};
}
Kernel maskAndKernel() { return {.name = "reference.maskAnd", .launch = runMaskAnd}; }

template Kernel mergeKernel<float>();
template Kernel mergeKernel<double>();
template Kernel mergeBackwardKernel<float>();
template Kernel mergeBackwardKernel<double>();
template Kernel addKernel<float>();
template Kernel addKernel<double>();
template Kernel normalizeKernel<float>();
template Kernel normalizeKernel<double>();
template Kernel normalizeBackwardKernel<float>();
template Kernel normalizeBackwardKernel<double>();
template Kernel dropoutKernel<float>();
template Kernel dropoutKernel<double>();
template Kernel scaleStepsKernel<float>();
template Kernel scaleStepsKernel<double>();

}  // namespace sluice::reference
