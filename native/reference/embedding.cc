// Embedding and its gradient.
#include <algorithm>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  using namespace embedding;
  const int32_t* ids = input<int32_t>(call, kIds);
  const Real* table = input<Real>(call, kTable);
  Real* y = output<Real>(call, kY);
  const int64_t n = call.in[kIds].shape.elements(), D = call.in[kTable].shape.last();
  for (int64_t i = 0; i < n; ++i) std::copy_n(table + ids[i] * D, D, y + i * D);
  return 0;
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  using namespace embeddingBackward;
  const int32_t* ids = input<int32_t>(call, kIds);
  const Real* dy = input<Real>(call, kDy);
  Real* dTable = output<Real>(call, kDTable);
  const int64_t n = call.in[kIds].shape.elements(), D = call.out[kDTable].shape.last();
  std::fill_n(dTable, call.out[kDTable].shape.elements(), Real(0));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t d = 0; d < D; ++d) dTable[ids[i] * D + d] += dy[i * D + d];
  return 0;
}

}  // namespace

template <typename Real>
Kernel embeddingKernel() {
  return {.name = "reference.embedding", .launch = forward<Real>};
}
template <typename Real>
Kernel embeddingBackwardKernel() {
  return {.name = "reference.embeddingBackward", .launch = backward<Real>};
}
template Kernel embeddingKernel<float>();
template Kernel embeddingKernel<double>();
template Kernel embeddingBackwardKernel<float>();
template Kernel embeddingBackwardKernel<double>();

}  // namespace sluice::reference
