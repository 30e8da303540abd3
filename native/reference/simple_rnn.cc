// The simple recurrent cell: h' = act(x W + h R + b).
#include "reference/recurrent.h"

namespace sluice::reference {
namespace {

template <typename Real>
struct SimpleRnnCell {
  static constexpr int64_t kGates = 1, kStates = 1, kSaved = 2, kGradients = 1;

  // saved: the state before the step and the one after it.
  static void step(const Step<Real>& step, Real* saved, Real* h) {
    for (int64_t j = 0; j < step.H; ++j)
      h[j] = step.gate(step.attributes.activation, step.inputSums[j] + step.stateSums[j]);
    std::copy_n(h, step.H, saved + step.H);
  }

  static void backward(const Step<Real>& step, const Real* saved, Real* dh, Real* g) {
    for (int64_t j = 0; j < step.H; ++j) {
      g[j] = dh[j] * step.slope(step.attributes.activation, saved[step.H + j]);
      dh[j] = 0;
    }
  }

  static const Real* stateGradient(const Step<Real>&, const Real* g, int64_t) { return g; }
  static const Real* met(const Step<Real>&, const Real* saved, int64_t) { return saved; }
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
