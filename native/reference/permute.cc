// Permute, Repeat and its adjoint.
#include <algorithm>
#include <cstring>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

int32_t runPermute(const OpCall& call) noexcept {
  const auto& axes = call.attr<PermuteAttributes>().axes;
  const TensorView &x = call.in[permute::kX], &y = call.out[permute::kY];
  const int rank = y.shape.rank;
  const size_t bytes = dtypeBytes(y.dtype);
  const int64_t n = y.shape.elements();
  for (int64_t i = 0; i < n; ++i) {
    int64_t index[kMaxRank];  // of the element in x
    int64_t rest = i;
    for (int d = rank - 1; d >= 0; --d) {
      index[axes[d]] = rest % y.shape[d];
      rest /= y.shape[d];
    }
    int64_t from = 0;
    for (int d = 0; d < rank; ++d) from = from * x.shape[d] + index[d];
    std::memcpy(y.as<char>() + static_cast<size_t>(i) * bytes,
                x.as<const char>() + static_cast<size_t>(from) * bytes, bytes);
  }
  return 0;
}

template <typename Real>
int32_t runRepeat(const OpCall& call) noexcept {
  const Shape& shape = call.out[repeat::kY].shape;
  const int64_t B = shape[0], T = shape[1], F = B * T > 0 ? shape.elements() / (B * T) : 0;
  for (int64_t i = 0; i < B * T; ++i)
    std::copy_n(input<Real>(call, repeat::kX) + i / T * F, F,
                output<Real>(call, repeat::kY) + i * F);
  return 0;
}

template <typename Real>
int32_t runRepeatBackward(const OpCall& call) noexcept {
  const Shape& shape = call.in[repeatBackward::kDy].shape;
  const int64_t B = shape[0], T = shape[1], F = B * T > 0 ? shape.elements() / (B * T) : 0;
  Real* dx = output<Real>(call, repeatBackward::kDx);
  std::fill_n(dx, call.out[repeatBackward::kDx].shape.elements(), Real(0));
  for (int64_t i = 0; i < B * T; ++i)
    for (int64_t f = 0; f < F; ++f)
      dx[i / T * F + f] += input<Real>(call, repeatBackward::kDy)[i * F + f];
  return 0;
}

}  // namespace

Kernel permuteKernel() { return {.name = "reference.permute", .launch = runPermute}; }
template <typename Real>
Kernel repeatKernel() {
  return {.name = "reference.repeat", .launch = runRepeat<Real>};
}
template <typename Real>
Kernel repeatBackwardKernel() {
  return {.name = "reference.repeatBackward", .launch = runRepeatBackward<Real>};
}
template Kernel repeatKernel<float>();
template Kernel repeatKernel<double>();
template Kernel repeatBackwardKernel<float>();
template Kernel repeatBackwardKernel<double>();

}  // namespace sluice::reference
