// Moments, BatchNorm with its gradient, MovingAverage.
#include <algorithm>
#include <cmath>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// Whether a row of features counts: a mask has one value for all rows of a step.
struct Counted {
  const uint8_t* mask;
  int64_t perStep = 1;
  Counted(const OpCall& call, int mask, const Shape& x) : mask(input<uint8_t>(call, mask)) {
    if (this->mask && x.elements() > 0) perStep = x.rows() / (x[0] * x[1]);
  }
  bool operator()(int64_t row) const { return !mask || mask[row / perStep] != 0; }
  int64_t among(int64_t rows) const {
    int64_t n = 0;
    for (int64_t row = 0; row < rows; ++row) n += (*this)(row) ? 1 : 0;
    return n;
  }
};

template <typename Real>
int32_t runMoments(const OpCall& call) noexcept {
  using namespace moments;
  const Shape& shape = call.in[kX].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const Counted counts(call, kMask, shape);
  const Real n = static_cast<Real>(std::max<int64_t>(1, counts.among(rows)));
  for (int64_t f = 0; f < F; ++f) {
    const auto x = [&](int64_t row) { return input<Real>(call, kX)[row * F + f]; };
    Real mean = 0, variance = 0;
    for (int64_t row = 0; row < rows; ++row)
      if (counts(row)) mean += x(row);
    mean /= n;
    for (int64_t row = 0; row < rows; ++row)
      if (counts(row)) variance += (x(row) - mean) * (x(row) - mean);
    output<Real>(call, kMean)[f] = mean;
    output<Real>(call, kVariance)[f] = variance / n;
  }
  return 0;
}

template <typename Real>
Real inverseDeviation(const OpCall& call, Real variance) {
  return 1 / std::sqrt(variance + static_cast<Real>(call.attr<NormAttributes>().epsilon));
}

template <typename Real>
int32_t runBatchNorm(const OpCall& call) noexcept {
  using namespace batchNorm;
  const int64_t n = call.out[kY].shape.elements(), F = call.out[kY].shape.last();
  const Real *mean = input<Real>(call, kMean), *variance = input<Real>(call, kVariance);
  const Real *gamma = input<Real>(call, kGamma), *beta = input<Real>(call, kBeta);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t f = i % F;
    output<Real>(call, kY)[i] = (input<Real>(call, kX)[i] - mean[f]) *
                                    inverseDeviation(call, variance[f]) *
                                    (gamma ? gamma[f] : Real(1)) +
                                (beta ? beta[f] : Real(0));
  }
  return 0;
}

// With u = (x - mean) / deviation: dGamma = sum(dy u), dBeta = sum(dy) over all rows, and
// dx = gamma / deviation (dy - [the row counts] (dBeta + u dGamma) / n), n being the rows that
// count; without the bracket where mean and variance are constants.
template <typename Real>
int32_t runBatchNormBackward(const OpCall& call) noexcept {
  using namespace batchNormBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const Counted counts(call, kMask, shape);
  const Real n = static_cast<Real>(std::max<int64_t>(1, counts.among(rows)));
  const Real* gamma = input<Real>(call, kGamma);
  const bool ofBatch = call.attr<NormAttributes>().ofBatch != 0;
  for (int64_t f = 0; f < F; ++f) {
    const Real mean = input<Real>(call, kMean)[f];
    const Real inverse = inverseDeviation(call, input<Real>(call, kVariance)[f]);
    const auto u = [&](int64_t row) {
      return (input<Real>(call, kX)[row * F + f] - mean) * inverse;
    };
    const Real* dy = input<Real>(call, kDy) + f;
    Real dGamma = 0, dBeta = 0;
    for (int64_t row = 0; row < rows; ++row) {
      dGamma += dy[row * F] * u(row);
      dBeta += dy[row * F];
    }
    if (Real* all = output<Real>(call, kDGamma)) all[f] = dGamma;
    if (Real* all = output<Real>(call, kDBeta)) all[f] = dBeta;
    for (int64_t row = 0; output<Real>(call, kDx) && row < rows; ++row) {
      Real own = dy[row * F];
      if (ofBatch && counts(row)) own -= (dBeta + u(row) * dGamma) / n;
      output<Real>(call, kDx)[row * F + f] = (gamma ? gamma[f] : Real(1)) * inverse * own;
    }
  }
  return 0;
}

template <typename Real>
int32_t runMovingAverage(const OpCall& call) noexcept {
  using namespace movingAverage;
  const auto momentum = static_cast<Real>(call.attr<MovingAverageAttributes>().momentum);
  const int64_t n = call.out[kY].shape.elements();
  for (int64_t i = 0; i < n; ++i)
    output<Real>(call, kY)[i] =
        momentum * input<Real>(call, kOld)[i] + (1 - momentum) * input<Real>(call, kNew)[i];
  return 0;
}

}  // namespace

template <typename Real>
Kernel momentsKernel() {
  return {.name = "reference.moments", .launch = runMoments<Real>};
}
template <typename Real>
Kernel batchNormKernel() {
  return {.name = "reference.batchNorm", .launch = runBatchNorm<Real>};
}
template <typename Real>
Kernel batchNormBackwardKernel() {
  return {.name = "reference.batchNormBackward", .launch = runBatchNormBackward<Real>};
}
template <typename Real>
Kernel movingAverageKernel() {
  return {.name = "reference.movingAverage", .launch = runMovingAverage<Real>};
}
template Kernel momentsKernel<float>();
template Kernel momentsKernel<double>();
template Kernel batchNormKernel<float>();
template Kernel batchNormKernel<double>();
template Kernel batchNormBackwardKernel<float>();
template Kernel batchNormBackwardKernel<double>();
template Kernel movingAverageKernel<float>();
template Kernel movingAverageKernel<double>();

}  // namespace sluice::reference
