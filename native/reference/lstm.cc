// The LSTM's cell: c' = f c + i g, h' = o act(c'), where i, f, o are gates of x W + h R + b and
// g = act(...); columns i, f, g, o. Equations: docs/semantics.md.
#include "reference/recurrent.h"

namespace sluice::reference {
namespace {

template <typename Real>
struct LstmCell {
  static constexpr int64_t kGates = 4, kStates = 2, kSaved = 7, kGradients = 4;

  static void step(const Step<Real>& step, Real* saved, Real* states) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    Real *h = states, *c = h + H;
    Real *i = saved + 2 * H, *f = i + H, *g = f + H, *o = g + H, *after = o + H;
    for (int64_t j = 0; j < H; ++j) {
      const auto sum = [&](int64_t gate) {
        return step.inputSums[gate * H + j] + step.stateSums[gate * H + j];
      };
      i[j] = step.gate(attributes.recurrentActivation, sum(0));
      f[j] = step.gate(attributes.recurrentActivation, sum(1));
      g[j] = step.gate(attributes.activation, sum(2));
      o[j] = step.gate(attributes.recurrentActivation, sum(3));
      c[j] = f[j] * c[j] + i[j] * g[j];
    }
    std::copy_n(c, H, after);
    if (step.cellGamma)
      normalize(H, attributes.epsilon, step.cellGamma, step.cellBeta, after, step.cellHats());
    for (int64_t j = 0; j < H; ++j) {
      after[j] = activate(attributes.activation, after[j]);
      h[j] = o[j] * after[j];
    }
  }

  static void backward(const Step<Real>& step, const Real* saved, Real* dStates, Real* gradients) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    const Real *c = saved + H, *i = c + H, *f = i + H, *g = f + H, *o = g + H, *after = o + H;
    Real *dh = dStates, *dc = dh + H;
    Real* fromOutput = gradients;  // what c gets through h, before the gates' gradients stand there
    for (int64_t j = 0; j < H; ++j)
      fromOutput[j] = dh[j] * o[j] * derivative(attributes.activation, after[j]);
    if (step.cellGamma)
      normalizeBackward(H, step.cellGamma, step.cellHats(), fromOutput, step.dCellGamma,
                        step.dCellBeta);
    for (int64_t j = 0; j < H; ++j) {
      dc[j] += fromOutput[j];
      gradients[j] = dc[j] * g[j] * step.slope(attributes.recurrentActivation, i[j]);
      gradients[H + j] = dc[j] * c[j] * step.slope(attributes.recurrentActivation, f[j]);
      gradients[2 * H + j] = dc[j] * i[j] * step.slope(attributes.activation, g[j]);
      gradients[3 * H + j] = dh[j] * after[j] * step.slope(attributes.recurrentActivation, o[j]);
      dc[j] *= f[j];
      dh[j] = 0;
    }
  }

  static const Real* stateGradient(const Step<Real>& step, const Real* g, int64_t gate) {
    return g + gate * step.H;
  }
  static const Real* met(const Step<Real>&, const Real* saved, int64_t) { return saved; }
};

}  // namespace

template <typename Real>
Kernel lstmKernel() {
  return RecurrentKernels<LstmCell, Real>::forward("reference.lstm");
}
template <typename Real>
Kernel lstmBackwardKernel() {
  return RecurrentKernels<LstmCell, Real>::backward("reference.lstmBackward");
}
template Kernel lstmKernel<float>();
template Kernel lstmKernel<double>();
template Kernel lstmBackwardKernel<float>();
template Kernel lstmBackwardKernel<double>();

}  // namespace sluice::reference
