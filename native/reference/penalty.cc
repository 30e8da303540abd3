// l1 sum |x| + l2 sum x^2 and its derivative.
#include <cmath>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename Real>
int32_t runPenalty(const OpCall& call) noexcept {
  using namespace penalty;
  const auto& attr = call.attr<PenaltyAttributes>();
  const Real* x = input<Real>(call, kX);
  const Real* dy = input<Real>(call, kDy);
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const double scale = *input<double>(call, kScale);
  Real* dx = output<Real>(call, kDx);
  const int64_t n = call.in[kX].shape.elements();
  const int64_t steps = mask ? call.in[kMask].shape.elements() : 1;
  const int64_t perStep = n / (steps > 0 ? steps : 1);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    double slope = 0;
    if (scale != 0 && (!mask || mask[i / perStep])) {
      const auto v = static_cast<double>(x[i]);
      sum += attr.l1 * std::abs(v) + attr.l2 * v * v;
      slope = scale * (attr.l1 * static_cast<double>((v > 0) - (v < 0)) + 2 * attr.l2 * v);
    }
    if (dx) dx[i] = static_cast<Real>((dy ? static_cast<double>(dy[i]) : 0) + slope);
  }
  if (double* total = output<double>(call, kSum)) *total = scale * sum;
  return 0;
}

}  // namespace

template <typename Real>
Kernel penaltyKernel() {
  return {.name = "reference.penalty", .launch = runPenalty<Real>};
}
template Kernel penaltyKernel<float>();
template Kernel penaltyKernel<double>();

}  // namespace sluice::reference
