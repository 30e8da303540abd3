#include "cuda/device/activate.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {

int32_t launchActivation(const OpCall& call) noexcept {
  const auto spec = call.attr<ActivationSpec>();
  const float* x = input(call, activation::kX);
  float* y = output(call, activation::kY);
  return forEach(call, call.out[activation::kY].shape.elements(),
                 [=] __device__(int64_t i) { y[i] = activate(spec, x[i]); });
}

int32_t launchActivationBackward(const OpCall& call) noexcept {
  using namespace activationBackward;
  const auto spec = call.attr<ActivationSpec>();
  const float *y = input(call, kY), *dy = input(call, kDy), *x = input(call, kX);
  float* dx = output(call, kDx);
  return forEach(call, call.out[kDx].shape.elements(), [=] __device__(int64_t i) {
    dx[i] = dy[i] * derivative(spec, y ? y[i] : 0.0f, x ? x[i] : 0.0f);
  });
}

Kernel activationKernel() { return {.name = "cuda.activation", .launch = launchActivation}; }
Kernel activationBackwardKernel() {
  return {.name = "cuda.activationBackward", .launch = launchActivationBackward};
}

}  // namespace sluice::cuda
