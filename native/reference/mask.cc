// StepMask: which steps hold anything but a value.
#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename T>
bool differs(const T* step, int64_t n, double value) {
  for (int64_t i = 0; i < n; ++i)
    if (step[i] != static_cast<T>(value)) return true;
  return false;
}

template <typename Real>
int32_t launch(const OpCall& call) noexcept {
  using namespace stepMask;
  const TensorView& x = call.in[kX];
  const double value = call.attr<StepMaskAttributes>().value;
  const uint8_t* given = input<uint8_t>(call, kMask);
  uint8_t* y = output<uint8_t>(call, kY);
  const int64_t steps = call.out[kY].shape.elements();
  const int64_t n = steps > 0 ? x.shape.elements() / steps : 0;  // values of one step
  for (int64_t at = 0; at < steps; ++at) {
    const bool counts = !given || given[at] != 0;
    const bool holds = x.dtype == DType::Int32 ? differs(x.as<int32_t>() + at * n, n, value)
                                               : differs(x.as<Real>() + at * n, n, value);
    y[at] = counts && holds ? 1 : 0;
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel stepMaskKernel() {
  return {.name = "reference.stepMask", .launch = launch<Real>};
}
template Kernel stepMaskKernel<float>();
template Kernel stepMaskKernel<double>();

}  // namespace sluice::reference
