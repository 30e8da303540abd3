// Normalisations of each row of features: LayerNorm and UnitLength, with their gradients.
#include <algorithm>
#include <cmath>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename Real>
int32_t runLayerNorm(const OpCall& call) noexcept {
  using namespace layerNorm;
  const Shape& shape = call.in[kX].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const Real *gamma = input<Real>(call, kGamma), *beta = input<Real>(call, kBeta);
  for (int64_t row = 0; row < rows; ++row) {
    const Real* x = input<Real>(call, kX) + row * F;
    Real mean = 0, variance = 0;
    for (int64_t f = 0; f < F; ++f) mean += x[f];
    mean /= static_cast<Real>(F);
    for (int64_t f = 0; f < F; ++f) variance += (x[f] - mean) * (x[f] - mean);
    variance /= static_cast<Real>(F);
    const Real inverse =
        1 / std::sqrt(variance + static_cast<Real>(call.attr<NormAttributes>().epsilon));
    for (int64_t f = 0; f < F; ++f)
      output<Real>(call, kY)[row * F + f] =
          (x[f] - mean) * inverse * (gamma ? gamma[f] : Real(1)) + (beta ? beta[f] : Real(0));
    output<Real>(call, kStats)[2 * row] = mean;
    output<Real>(call, kStats)[2 * row + 1] = inverse;
  }
  return 0;
}

// With u = (x - mean) inverse and g = gamma dy: dx = inverse (g - mean(g) - u mean(g u)).
template <typename Real>
int32_t runLayerNormBackward(const OpCall& call) noexcept {
  using namespace layerNormBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const Real* gamma = input<Real>(call, kGamma);
  Real *dGamma = output<Real>(call, kDGamma), *dBeta = output<Real>(call, kDBeta);
  if (dGamma) std::fill_n(dGamma, F, Real(0));
  if (dBeta) std::fill_n(dBeta, F, Real(0));
  for (int64_t row = 0; row < rows; ++row) {
    const Real *x = input<Real>(call, kX) + row * F, *dy = input<Real>(call, kDy) + row * F;
    const Real* stats = input<Real>(call, kStats) + 2 * row;
    const auto u = [&](int64_t f) { return (x[f] - stats[0]) * stats[1]; };
    const auto g = [&](int64_t f) { return gamma ? gamma[f] * dy[f] : dy[f]; };
    Real sum = 0, product = 0;
    for (int64_t f = 0; f < F; ++f) {
      sum += g(f);
      product += g(f) * u(f);
      if (dGamma) dGamma[f] += dy[f] * u(f);
      if (dBeta) dBeta[f] += dy[f];
    }
    const Real n = static_cast<Real>(F);
    for (int64_t f = 0; output<Real>(call, kDx) && f < F; ++f)
      output<Real>(call, kDx)[row * F + f] = stats[1] * (g(f) - sum / n - u(f) * product / n);
  }
  return 0;
}

// 1 / |x|, or 1 / epsilon where that is less.
template <typename Real>
Real scaleOf(const OpCall& call, const Real* x, int64_t F) {
  Real square = 0;
  for (int64_t f = 0; f < F; ++f) square += x[f] * x[f];
  return std::min(1 / std::sqrt(square),
                  static_cast<Real>(1 / call.attr<UnitLengthAttributes>().epsilon));
}

template <typename Real>
int32_t runUnitLength(const OpCall& call) noexcept {
  const Shape& shape = call.out[unitLength::kY].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  for (int64_t row = 0; row < rows; ++row) {
    const Real* x = input<Real>(call, unitLength::kX) + row * F;
    const Real scale = scaleOf(call, x, F);
    for (int64_t f = 0; f < F; ++f) output<Real>(call, unitLength::kY)[row * F + f] = x[f] * scale;
  }
  return 0;
}

// dx = s (dy - s^2 x (x . dy)) with s = 1 / |x|; where the scale is 1 / epsilon, it is constant.
template <typename Real>
int32_t runUnitLengthBackward(const OpCall& call) noexcept {
  using namespace unitLengthBackward;
  const Shape& shape = call.out[kDx].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const Real most = static_cast<Real>(1 / call.attr<UnitLengthAttributes>().epsilon);
  for (int64_t row = 0; row < rows; ++row) {
    const Real *x = input<Real>(call, kX) + row * F, *dy = input<Real>(call, kDy) + row * F;
    const Real scale = scaleOf(call, x, F);
    Real product = 0;
    for (int64_t f = 0; scale < most && f < F; ++f) product += x[f] * dy[f];
    for (int64_t f = 0; f < F; ++f)
      output<Real>(call, kDx)[row * F + f] = scale * (dy[f] - scale * scale * x[f] * product);
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel layerNormKernel() {
  return {.name = "reference.layerNorm", .launch = runLayerNorm<Real>};
}
template <typename Real>
Kernel layerNormBackwardKernel() {
  return {.name = "reference.layerNormBackward", .launch = runLayerNormBackward<Real>};
}
template <typename Real>
Kernel unitLengthKernel() {
  return {.name = "reference.unitLength", .launch = runUnitLength<Real>};
}
template <typename Real>
Kernel unitLengthBackwardKernel() {
  return {.name = "reference.unitLengthBackward", .launch = runUnitLengthBackward<Real>};
}
template Kernel layerNormKernel<float>();
template Kernel layerNormKernel<double>();
template Kernel layerNormBackwardKernel<float>();
template Kernel layerNormBackwardKernel<double>();
template Kernel unitLengthKernel<float>();
template Kernel unitLengthKernel<double>();
template Kernel unitLengthBackwardKernel<float>();
template Kernel unitLengthBackwardKernel<double>();

}  // namespace sluice::reference
