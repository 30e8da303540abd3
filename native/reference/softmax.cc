// Softmax along an axis, and its gradient.
#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// Element k of the column that starts at `first` lies `inner` behind element k-1.
template <typename Column>
void forEachColumn(const Shape& shape, int axis, const Column& column) {
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  for (int i = axis + 1; i < shape.rank; ++i) inner *= shape[i];
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) column(o, o * shape[axis] * inner + i, inner);
}

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  using namespace softmax;
  const Shape& shape = call.out[kY].shape;
  const int axis = call.attr<SoftmaxAttributes>().axis;
  const int64_t n = shape[axis];
  const uint8_t* mask = input<uint8_t>(call, kMask);
  forEachColumn(shape, axis, [&](int64_t row, int64_t first, int64_t stride) {
    const Real* x = input<Real>(call, kX) + first;
    Real* y = output<Real>(call, kY) + first;
    const auto counts = [&](int64_t k) { return !mask || mask[row * n + k] != 0; };
    Real most = -std::numeric_limits<Real>::infinity(), sum = 0;
    for (int64_t k = 0; k < n; ++k)
      if (counts(k)) most = std::max(most, x[k * stride]);
    for (int64_t k = 0; k < n; ++k) {
      y[k * stride] = counts(k) ? std::exp(x[k * stride] - most) : Real(0);
      sum += y[k * stride];
    }
    for (int64_t k = 0; k < n; ++k)
      if (counts(k)) y[k * stride] /= sum;
  });
  return 0;
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  using namespace softmaxBackward;
  const Shape& shape = call.out[kDx].shape;
  const int axis = call.attr<SoftmaxAttributes>().axis;
  const int64_t n = shape[axis];
  const uint8_t* mask = input<uint8_t>(call, kMask);
  forEachColumn(shape, axis, [&](int64_t row, int64_t first, int64_t stride) {
    const Real *y = input<Real>(call, kY) + first, *dy = input<Real>(call, kDy) + first;
    Real* dx = output<Real>(call, kDx) + first;
    const auto counts = [&](int64_t k) { return !mask || mask[row * n + k] != 0; };
    Real sum = 0;
    for (int64_t k = 0; k < n; ++k)
      if (counts(k)) sum += y[k * stride] * dy[k * stride];
    for (int64_t k = 0; k < n; ++k)
      dx[k * stride] = counts(k) ? y[k * stride] * (dy[k * stride] - sum) : Real(0);
  });
  return 0;
}

}  // namespace

template <typename Real>
Kernel softmaxKernel() {
  return {.name = "reference.softmax", .launch = forward<Real>};
}
template <typename Real>
Kernel softmaxBackwardKernel() {
  return {.name = "reference.softmaxBackward", .launch = backward<Real>};
}
template Kernel softmaxKernel<float>();
template Kernel softmaxKernel<double>();
template Kernel softmaxBackwardKernel<float>();
template Kernel softmaxBackwardKernel<double>();

}  // namespace sluice::reference
