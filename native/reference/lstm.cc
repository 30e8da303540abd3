// The LSTM's cell: c' = f c + i g, h' = o act(c'), where i, f, o are gates of x W + h R + b and
// g = act(...); columns i, f, g, o. Equations: docs/semantics.md.
#include "reference/recurrent.h"

namespace sluice::reference {
namespace {

template <typename Real>
struct LstmCell {
  static constexpr int64_t kGates = 4, kStates = 2, kSaved = 7, kGradients = 4;

  static void step(const Step<Real>& step, const Real* x, Real* saved, Real* states) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    Real *h = states, *c = h + H;
    Real *i = saved, *f = i + H, *g = f + H, *o = g + H, *before = o + H, *after = before + 2 * H;
    std::copy_n(states, 2 * H, before);
    for (int64_t j = 0; j < H; ++j) {
      const auto sum = [&](int64_t gate) {
        return step.fromInput(x, gate * H + j) + step.fromState(before, gate * H + j);
      };
      i[j] = activate(attributes.recurrentActivation, sum(0));
      f[j] = activate(attributes.recurrentActivation, sum(1));
      g[j] = activate(attributes.activation, sum(2));
      o[j] = activate(attributes.recurrentActivation, sum(3));
    }
    for (int64_t j = 0; j < H; ++j) {
      c[j] = f[j] * c[j] + i[j] * g[j];
      after[j] = activate(attributes.activation, c[j]);
      h[j] = o[j] * after[j];
    }
  }

  static void backward(const Step<Real>& step, const Real* saved, Real* dStates, Real* gradients) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    const Real *i = saved, *f = i + H, *g = f + H, *o = g + H, *c = o + 2 * H, *after = c + H;
    Real *dh = dStates, *dc = dh + H;
    for (int64_t j = 0; j < H; ++j) {
      dc[j] += dh[j] * o[j] * derivative(attributes.activation, after[j]);
      gradients[j] = dc[j] * g[j] * derivative(attributes.recurrentActivation, i[j]);
      gradients[H + j] = dc[j] * c[j] * derivative(attributes.recurrentActivation, f[j]);
      gradients[2 * H + j] = dc[j] * i[j] * derivative(attributes.activation, g[j]);
      gradients[3 * H + j] = dh[j] * after[j] * derivative(attributes.recurrentActivation, o[j]);
      dc[j] *= f[j];
    }
    for (int64_t j = 0; j < H; ++j) {
      dh[j] = 0;
      for (int64_t gate = 0; gate < 4; ++gate) dh[j] += step.back(gradients + gate * H, j, gate);
    }
  }

  static void addRecurrent(const Step<Real>& step, const Real* saved, const Real* g,
                           Real* dRecurrent, Real*) {
    step.addOuter(saved + 4 * step.H, g, 0, 4 * step.H, dRecurrent);
  }
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
