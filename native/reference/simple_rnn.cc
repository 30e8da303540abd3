// The simple recurrent cell: h' = act(x W + h R + b).
#include "reference/recurrent.h"

namespace sluice::reference {
namespace {

template <typename Real>
struct SimpleRnnCell {
  static constexpr int64_t kGates = 1, kStates = 1, kSaved = 2, kGradients = 1;

  // saved: the state before the step and the one after it.
  static void step(const Step<Real>& step, const Real* x, Real* saved, Real* h) {
    std::copy_n(h, step.H, saved);
    for (int64_t j = 0; j < step.H; ++j)
      h[j] = activate(step.attributes.activation, step.fromInput(x, j) + step.fromState(saved, j));
    std::copy_n(h, step.H, saved + step.H);
  }

  static void backward(const Step<Real>& step, const Real* saved, Real* dh, Real* g) {
    for (int64_t j = 0; j < step.H; ++j)
      g[j] = dh[j] * derivative(step.attributes.activation, saved[step.H + j]);
    for (int64_t j = 0; j < step.H; ++j) dh[j] = step.back(g, j, 0);
  }

  static void addRecurrent(const Step<Real>& step, const Real* saved, const Real* g,
                           Real* dRecurrent, Real*) {
    step.addOuter(saved, g, 0, step.H, dRecurrent);
  }
};

}  // namespace

template <typename Real>
Kernel simpleRnnKernel() {
  return RecurrentKernels<SimpleRnnCell, Real>::forward("reference.simpleRnn");
}
template <typename Real>
Kernel simpleRnnBackwardKernel() {
  return RecurrentKernels<SimpleRnnCell, Real>::backward("reference.simpleRnnBackward");
}
template Kernel simpleRnnKernel<float>();
template Kernel simpleRnnKernel<double>();
template Kernel simpleRnnBackwardKernel<float>();
template Kernel simpleRnnBackwardKernel<double>();

}  // namespace sluice::reference
