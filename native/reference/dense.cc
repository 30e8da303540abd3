// y = x W + b over the last axis.
#include <algorithm>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  using namespace dense;
  const int64_t I = call.in[kX].shape.last(), O = call.out[kY].shape.last();
  const int64_t rows = call.out[kY].shape.rows();
  const Real* kernel = input<Real>(call, kKernel);
  const Real* bias = input<Real>(call, kBias);
  for (int64_t row = 0; row < rows; ++row) {
    const Real* x = input<Real>(call, kX) + row * I;
    Real* y = output<Real>(call, kY) + row * O;
    for (int64_t o = 0; o < O; ++o) {
      Real sum = bias ? bias[o] : Real(0);
      for (int64_t i = 0; i < I; ++i) sum += x[i] * kernel[i * O + o];
      y[o] = sum;
    }
  }
  return 0;
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  using namespace denseBackward;
  const int64_t I = call.in[kX].shape.last(), O = call.in[kDy].shape.last();
  const int64_t rows = call.in[kDy].shape.rows();
  const Real* kernel = input<Real>(call, kKernel);
  Real* dKernel = output<Real>(call, kDKernel);
  Real* dBias = output<Real>(call, kDBias);
  if (dKernel) std::fill_n(dKernel, I * O, Real(0));
  if (dBias) std::fill_n(dBias, O, Real(0));
  for (int64_t row = 0; row < rows; ++row) {
    const Real* x = input<Real>(call, kX) + row * I;
    const Real* dy = input<Real>(call, kDy) + row * O;
    for (int64_t o = 0; dBias && o < O; ++o) dBias[o] += dy[o];
    for (int64_t i = 0; i < I; ++i) {
      Real dx = 0;
      for (int64_t o = 0; o < O; ++o) {
        dx += dy[o] * kernel[i * O + o];
        if (dKernel) dKernel[i * O + o] += x[i] * dy[o];
      }
      if (Real* all = output<Real>(call, kDx)) all[row * I + i] = dx;
    }
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel denseKernel() {
  return {.name = "reference.dense", .launch = forward<Real>};
}
template <typename Real>
Kernel denseBackwardKernel() {
  return {.name = "reference.denseBackward", .launch = backward<Real>};
}
template Kernel denseKernel<float>();
template Kernel denseKernel<double>();
template Kernel denseBackwardKernel<float>();
template Kernel denseBackwardKernel<double>();

}  // namespace sluice::reference
