#include "reference/activation.h"

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  const auto& spec = call.attr<ActivationSpec>();
  const Real* x = input<Real>(call, activation::kX);
  Real* y = output<Real>(call, activation::kY);
  const int64_t n = call.out[activation::kY].shape.elements();
  for (int64_t i = 0; i < n; ++i) y[i] = activate(spec, x[i]);
  return 0;
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  const auto& spec = call.attr<ActivationSpec>();
  const Real* v =
      input<Real>(call, needsInput(spec.kind) ? activationBackward::kX : activationBackward::kY);
  const Real* dy = input<Real>(call, activationBackward::kDy);
  Real* dx = output<Real>(call, activationBackward::kDx);
  const int64_t n = call.out[activationBackward::kDx].shape.elements();
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * derivative(spec, v[i]);
  return 0;
}

}  // namespace

template <typename Real>
Kernel activationKernel() {
  return {.name = "reference.activation", .launch = forward<Real>};
}
template <typename Real>
Kernel activationBackwardKernel() {
  return {.name = "reference.activationBackward", .launch = backward<Real>};
}
template Kernel activationKernel<float>();
template Kernel activationKernel<double>();
template Kernel activationBackwardKernel<float>();
template Kernel activationBackwardKernel<double>();

}  // namespace sluice::reference
