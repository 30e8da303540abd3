// Broadcast and SumRows.
#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename Real>
int32_t runBroadcast(const OpCall& call) noexcept {
  const Real* x = input<Real>(call, broadcast::kX);
  Real* y = output<Real>(call, broadcast::kY);
  const Shape& shape = call.out[broadcast::kY].shape;
  for (int64_t b = 0; b < shape[0]; ++b)
    for (int64_t f = 0; f < shape[1]; ++f) y[b * shape[1] + f] = x[f];
  return 0;
}

template <typename Real>
int32_t runSumRows(const OpCall& call) noexcept {
  const Real* x = input<Real>(call, sumRows::kX);
  Real* y = output<Real>(call, sumRows::kY);
  const Shape& shape = call.in[sumRows::kX].shape;
  for (int64_t f = 0; f < shape[1]; ++f) {
    double sum = 0;
    for (int64_t b = 0; b < shape[0]; ++b) sum += static_cast<double>(x[b * shape[1] + f]);
    y[f] = static_cast<Real>(sum);
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel broadcastKernel() {
  return {.name = "reference.broadcast", .launch = runBroadcast<Real>};
}
template <typename Real>
Kernel sumRowsKernel() {
  return {.name = "reference.sumRows", .launch = runSumRows<Real>};
}
template Kernel broadcastKernel<float>();
template Kernel broadcastKernel<double>();
template Kernel sumRowsKernel<float>();
template Kernel sumRowsKernel<double>();

}  // namespace sluice::reference
