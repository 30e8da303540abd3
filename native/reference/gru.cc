// The GRU's cell, as the equations of docs/semantics.md stand. q is what meets the candidate's
// recurrent weights: q = h R_h + c_h with resetAfter (n = act(x W_h + b_h + r q)), otherwise q = r
// h (n = act(x W_h + b_h + q R_h)).
#include "reference/recurrent.h"

namespace sluice::reference {
namespace {

template <typename Real>
struct GruCell {
  static constexpr int64_t kGates = 3, kStates = 1, kSaved = 5, kGradients = 4;

  struct Saved {
    const Real *h, *z, *r, *n, *q;  // h is the state before the step
    Saved(const Real* p, int64_t H) : h(p), z(p + H), r(p + 2 * H), n(p + 3 * H), q(p + 4 * H) {}
  };

  static void step(const Step<Real>& step, Real* saved, Real* h) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    Real *before = saved, *z = before + H, *r = z + H, *n = r + H, *q = n + H;
    const auto fromState = [&](int64_t column) {
      const bool ownBias = step.bias && attributes.resetAfter;
      return step.stateSums[column] + (ownBias ? step.bias[3 * H + column] : Real(0));
    };
    for (int64_t j = 0; j < H; ++j) {
      z[j] = step.gate(attributes.recurrentActivation, step.inputSums[j] + fromState(j));
      r[j] = step.gate(attributes.recurrentActivation, step.inputSums[H + j] + fromState(H + j));
      q[j] = attributes.resetAfter ? fromState(2 * H + j) : r[j] * before[j];
    }
    for (int64_t j = 0; j < H; ++j) {
      const Real recurrent = attributes.resetAfter ? r[j] * q[j] : step.product(q, 2 * H + j);
      n[j] = step.gate(attributes.activation, step.inputSums[2 * H + j] + recurrent);
      h[j] = attributes.replace ? (1 - z[j]) * before[j] + z[j] * n[j]
                                : z[j] * before[j] + (1 - z[j]) * n[j];
    }
  }

  // g: dz, dr, dn and dq.
  static void backward(const Step<Real>& step, const Real* saved, Real* dh, Real* g) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    const Saved s(saved, H);
    Real *dz = g, *dr = dz + H, *dn = dr + H, *dq = dn + H;
    for (int64_t j = 0; j < H; ++j) {
      const Real toCandidate = attributes.replace ? s.z[j] : 1 - s.z[j];
      const Real difference = attributes.replace ? s.n[j] - s.h[j] : s.h[j] - s.n[j];
      dn[j] = dh[j] * toCandidate * step.slope(attributes.activation, s.n[j]);
      dz[j] = dh[j] * difference * step.slope(attributes.recurrentActivation, s.z[j]);
    }
    for (int64_t j = 0; j < H; ++j) {
      dq[j] = attributes.resetAfter ? dn[j] * s.r[j] : step.back(dn, j, 2);
      dr[j] = (attributes.resetAfter ? dn[j] * s.q[j] : dq[j] * s.h[j]) *
              step.slope(attributes.recurrentActivation, s.r[j]);
      dh[j] *= attributes.replace ? 1 - s.z[j] : s.z[j];
      if (!attributes.resetAfter) dh[j] += dq[j] * s.r[j];
    }
  }

  static const Real* stateGradient(const Step<Real>& step, const Real* g, int64_t gate) {
    return g + (gate == 2 && step.attributes.resetAfter ? 3 : gate) * step.H;
  }
  static const Real* met(const Step<Real>& step, const Real* saved, int64_t gate) {
    return gate == 2 && !step.attributes.resetAfter ? Saved(saved, step.H).q : saved;
  }
};

}  // namespace

template <typename Real>
Kernel gruKernel() {
  return RecurrentKernels<GruCell, Real>::forward("reference.gru");
}
template <typename Real>
Kernel gruBackwardKernel() {
  return RecurrentKernels<GruCell, Real>::backward("reference.gruBackward");
}
template Kernel gruKernel<float>();
template Kernel gruKernel<double>();
template Kernel gruBackwardKernel<float>();
template Kernel gruBackwardKernel<double>();

}  // namespace sluice::reference
