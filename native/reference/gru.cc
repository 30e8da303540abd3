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
    const Real *z, *r, *n, *q, *h;  // h is the state before the step
    Saved(const Real* p, int64_t H) : z(p), r(p + H), n(p + 2 * H), q(p + 3 * H), h(p + 4 * H) {}
  };

  static void step(const Step<Real>& step, const Real* x, Real* saved, Real* h) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    Real *z = saved, *r = z + H, *n = r + H, *q = n + H, *before = q + H;
    std::copy_n(h, H, before);
    const auto fromState = [&](const Real* state, int64_t column) {
      const bool ownBias = step.bias && attributes.resetAfter;
      return step.fromState(state, column) + (ownBias ? step.bias[3 * H + column] : Real(0));
    };
    for (int64_t j = 0; j < H; ++j) {
      z[j] = activate(attributes.recurrentActivation, step.fromInput(x, j) + fromState(before, j));
      r[j] = activate(attributes.recurrentActivation,
                      step.fromInput(x, H + j) + fromState(before, H + j));
      q[j] = attributes.resetAfter ? fromState(before, 2 * H + j) : r[j] * before[j];
    }
    for (int64_t j = 0; j < H; ++j) {
      const Real recurrent = attributes.resetAfter ? r[j] * q[j] : fromState(q, 2 * H + j);
      n[j] = activate(attributes.activation, step.fromInput(x, 2 * H + j) + recurrent);
      h[j] = attributes.replace ? (1 - z[j]) * before[j] + z[j] * n[j]
                                : z[j] * before[j] + (1 - z[j]) * n[j];
    }
  }

  // dh: of the state after the step, then before it. g: dz, dr, dn and dq.
  static void backward(const Step<Real>& step, const Real* saved, Real* dh, Real* g) {
    const RecurrentAttributes& attributes = step.attributes;
    const int64_t H = step.H;
    const Saved s(saved, H);
    Real *dz = g, *dr = dz + H, *dn = dr + H, *dq = dn + H;
    for (int64_t j = 0; j < H; ++j) {
      const Real toCandidate = attributes.replace ? s.z[j] : 1 - s.z[j];
      const Real difference = attributes.replace ? s.n[j] - s.h[j] : s.h[j] - s.n[j];
      dn[j] = dh[j] * toCandidate * derivative(attributes.activation, s.n[j]);
      dz[j] = dh[j] * difference * derivative(attributes.recurrentActivation, s.z[j]);
    }
    for (int64_t j = 0; j < H; ++j) {
      dq[j] = attributes.resetAfter ? dn[j] * s.r[j] : step.back(dn, j, 2);
      dr[j] = (attributes.resetAfter ? dn[j] * s.q[j] : dq[j] * s.h[j]) *
              derivative(attributes.recurrentActivation, s.r[j]);
    }
    for (int64_t j = 0; j < H; ++j) {
      const Real kept = attributes.replace ? 1 - s.z[j] : s.z[j];
      const Real throughCandidate = attributes.resetAfter ? step.back(dq, j, 2) : dq[j] * s.r[j];
      dh[j] = dh[j] * kept + step.back(dz, j, 0) + step.back(dr, j, 1) + throughCandidate;
    }
  }

  static void addRecurrent(const Step<Real>& step, const Real* saved, const Real* g,
                           Real* dRecurrent, Real* dBias) {
    const int64_t H = step.H;
    const bool resetAfter = step.attributes.resetAfter != 0;
    const Saved s(saved, H);
    const Real *dn = g + 2 * H, *dq = dn + H;
    step.addOuter(s.h, g, 0, 2 * H, dRecurrent);
    step.addOuter(resetAfter ? s.h : s.q, resetAfter ? dq : dn, 2 * H, H, dRecurrent);
    if (!dBias || !resetAfter) return;
    for (int64_t c = 0; c < 2 * H; ++c) dBias[3 * H + c] += g[c];
    for (int64_t j = 0; j < H; ++j) dBias[5 * H + j] += dq[j];
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
