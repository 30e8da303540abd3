// One direction of a GRU, row by row and step by step, as the equations of docs/semantics.md stand.
//
// Gates of one step: z and r, the candidate n, and q, which is what meets the candidate's recurrent
// weights: q = h R_h + c_h with resetAfter (n = act(x W_h + b_h + r q)), otherwise q = r h
// (n = act(x W_h + b_h + q R_h)).
#include <algorithm>

#include "reference/activation.h"
#include "reference/kernels.h"

namespace sluice::reference {
namespace {

struct Extents {
  int64_t B, T, I, H;
};

Extents extents(const OpCall& call) {
  const Shape& x = call.in[gru::kX].shape;
  return {x[0], x[1], x[2], call.in[gru::kRecurrentKernel].shape[0]};
}

// What backward needs of one step; the reserve holds one of these for each [b, t].
template <typename Real>
struct Saved {
  static constexpr int64_t kVectors = 5;
  Real *z, *r, *n, *q, *h;  // h is the state before the step
  Saved(Real* p, int64_t H) : z(p), r(p + H), n(p + 2 * H), q(p + 3 * H), h(p + 4 * H) {}
};

bool valid(const uint8_t* mask, int64_t at) { return !mask || mask[at]; }

// Column `column` of x W, or of h R.
template <typename Real>
Real dot(const Real* x, const Real* matrix, int64_t rows, int64_t columns, int64_t column) {
  Real sum = 0;
  for (int64_t i = 0; i < rows; ++i) sum += x[i] * matrix[i * columns + column];
  return sum;
}

// One processed step: fills `s` (s.h is given) and writes the new state.
template <typename Real>
void step(const OpCall& call, const Extents& e, const Real* x, const Saved<Real>& s, Real* next) {
  const auto& attr = call.attr<GruAttributes>();
  const int64_t H = e.H;
  const Real* bias = input<Real>(call, gru::kBias);
  const auto fromInput = [&](int64_t column) {
    return dot(x, input<Real>(call, gru::kKernel), e.I, 3 * H, column) + (bias ? bias[column] : 0);
  };
  const auto fromState = [&](const Real* state, int64_t column) {
    return dot(state, input<Real>(call, gru::kRecurrentKernel), H, 3 * H, column) +
           (bias && attr.resetAfter ? bias[3 * H + column] : 0);
  };
  for (int64_t j = 0; j < H; ++j) {
    s.z[j] = activate(attr.recurrentActivation, fromInput(j) + fromState(s.h, j));
    s.r[j] = activate(attr.recurrentActivation, fromInput(H + j) + fromState(s.h, H + j));
    s.q[j] = attr.resetAfter ? fromState(s.h, 2 * H + j) : s.r[j] * s.h[j];
  }
  for (int64_t j = 0; j < H; ++j) {
    const Real recurrent = attr.resetAfter ? s.r[j] * s.q[j] : fromState(s.q, 2 * H + j);
    s.n[j] = activate(attr.activation, fromInput(2 * H + j) + recurrent);
    next[j] = attr.replace ? (1 - s.z[j]) * s.h[j] + s.z[j] * s.n[j]
                           : s.z[j] * s.h[j] + (1 - s.z[j]) * s.n[j];
  }
}

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  const auto& attr = call.attr<GruAttributes>();
  const Extents e = extents(call);
  const uint8_t* mask = input<uint8_t>(call, gru::kMask);
  const Real* initial = input<Real>(call, gru::kInitialState);
  Real* sequence = output<Real>(call, gru::kSequence);
  Real* reserve = output<Real>(call, gru::kReserve);
  for (int64_t b = 0; b < e.B && !call.context->cancelled(); ++b) {
    Real* h = output<Real>(call, gru::kFinalState) + b * e.H;
    for (int64_t j = 0; j < e.H; ++j) h[j] = initial ? initial[b * e.H + j] : Real(0);
    const Real* lastOutput = nullptr;
    for (int64_t k = 0; k < e.T; ++k) {
      const int64_t at = b * e.T + (attr.reverse ? e.T - 1 - k : k);
      Real* y = sequence ? sequence + at * e.H : nullptr;
      if (!valid(mask, at)) {
        for (int64_t j = 0; y && j < e.H; ++j)
          y[j] = attr.repeatMasked && lastOutput ? lastOutput[j] : Real(0);
        continue;
      }
      Real* memory =
          reserve ? reserve + at * Saved<Real>::kVectors * e.H : static_cast<Real*>(call.scratch);
      const Saved<Real> s(memory, e.H);
      std::copy_n(h, e.H, s.h);
      step(call, e, input<Real>(call, gru::kX) + at * e.I, s, h);
      if (y) std::copy_n(h, e.H, y);
      lastOutput = y;
    }
  }
  return 0;
}

template <typename Real>
size_t forwardScratch(const OpCall& call) noexcept {
  return static_cast<size_t>(Saved<Real>::kVectors * extents(call).H) * sizeof(Real);
}

template <typename Real>
size_t reserveBytes(const OpCall& call) noexcept {
  const Extents e = extents(call);
  return static_cast<size_t>(e.B * e.T * Saved<Real>::kVectors * e.H) * sizeof(Real);
}

// The gradients of one step's gates before their activations.
template <typename Real>
struct GateGradients {
  static constexpr int64_t kVectors = 5;
  Real *dz, *dr, *dn;  // [dz dr dn] lie side by side: the gradient of x W + b
  Real* dq;            // of q
  Real* dh;            // of the state before the step
  GateGradients(Real* p, int64_t H)
      : dz(p), dr(p + H), dn(p + 2 * H), dq(p + 3 * H), dh(p + 4 * H) {}
};

// delta is the gradient of the state after the step.
template <typename Real>
void stepBackward(const OpCall& call, int64_t H, const Saved<Real>& s, const Real* delta,
                  const GateGradients<Real>& g) {
  const auto& attr = call.attr<GruAttributes>();
  const Real* recurrent = input<Real>(call, gruBackward::kRecurrentKernel);
  // Row j of R, one gate's columns, times a gradient: the way back through h R.
  const auto back = [&](const Real* gradient, int64_t j, int64_t gate) {
    Real sum = 0;
    for (int64_t k = 0; k < H; ++k) sum += gradient[k] * recurrent[j * 3 * H + gate * H + k];
    return sum;
  };
  for (int64_t j = 0; j < H; ++j) {
    const Real toCandidate = attr.replace ? s.z[j] : 1 - s.z[j];
    const Real difference = attr.replace ? s.n[j] - s.h[j] : s.h[j] - s.n[j];
    g.dn[j] = delta[j] * toCandidate * derivative(attr.activation, s.n[j]);
    g.dz[j] = delta[j] * difference * derivative(attr.recurrentActivation, s.z[j]);
  }
  for (int64_t j = 0; j < H; ++j) {
    g.dq[j] = attr.resetAfter ? g.dn[j] * s.r[j] : back(g.dn, j, 2);
    g.dr[j] = (attr.resetAfter ? g.dn[j] * s.q[j] : g.dq[j] * s.h[j]) *
              derivative(attr.recurrentActivation, s.r[j]);
  }
  for (int64_t j = 0; j < H; ++j) {
    const Real kept = attr.replace ? 1 - s.z[j] : s.z[j];
    const Real throughCandidate = attr.resetAfter ? back(g.dq, j, 2) : g.dq[j] * s.r[j];
    g.dh[j] = delta[j] * kept + back(g.dz, j, 0) + back(g.dr, j, 1) + throughCandidate;
  }
}

template <typename Real>
void addWeightGradients(const OpCall& call, const Extents& e, const Real* x, const Saved<Real>& s,
                        const GateGradients<Real>& g) {
  const int64_t H = e.H;
  const bool resetAfter = call.attr<GruAttributes>().resetAfter;
  Real* dKernel = output<Real>(call, gruBackward::kDKernel);
  Real* dRecurrent = output<Real>(call, gruBackward::kDRecurrentKernel);
  Real* dBias = output<Real>(call, gruBackward::kDBias);
  const Real* gates = g.dz;                          // [dz dr dn]
  const Real* candidate = resetAfter ? g.dq : g.dn;  // of what q or h was multiplied into
  const Real* candidateInput = resetAfter ? s.h : s.q;
  for (int64_t c = 0; c < 3 * H; ++c) {
    for (int64_t i = 0; dKernel && i < e.I; ++i) dKernel[i * 3 * H + c] += x[i] * gates[c];
    for (int64_t j = 0; dRecurrent && j < H; ++j) {
      dRecurrent[j * 3 * H + c] +=
          c < 2 * H ? s.h[j] * gates[c] : candidateInput[j] * candidate[c - 2 * H];
    }
    if (dBias) dBias[c] += gates[c];
    if (dBias && resetAfter) dBias[3 * H + c] += c < 2 * H ? gates[c] : g.dq[c - 2 * H];
  }
}

template <typename Real>
void zero(const OpCall& call, int index) {
  if (Real* p = output<Real>(call, index))
    std::fill_n(p, call.out[index].shape.elements(), Real(0));
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  using namespace gruBackward;
  const auto& attr = call.attr<GruAttributes>();
  const Extents e = extents(call);
  const int64_t H = e.H;
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const Real* dSequence = input<Real>(call, kDSequence);
  const Real* dFinal = input<Real>(call, kDFinalState);
  const Real* kernel = input<Real>(call, kKernel);
  Real* dInitial = output<Real>(call, kDInitialState);
  for (int out = 0; out < call.outCount; ++out) zero<Real>(call, out);

  Real* const delta = static_cast<Real*>(call.scratch);
  Real* const repeated = delta + H;  // gradients of masked outputs, which repeat an earlier step's
  const GateGradients<Real> g(repeated + H, H);
  for (int64_t b = 0; b < e.B && !call.context->cancelled(); ++b) {
    for (int64_t j = 0; j < H; ++j) g.dh[j] = dFinal ? dFinal[b * H + j] : Real(0);
    std::fill_n(repeated, H, Real(0));
    for (int64_t k = e.T - 1; k >= 0; --k) {
      const int64_t at = b * e.T + (attr.reverse ? e.T - 1 - k : k);
      const Real* dy = dSequence ? dSequence + at * H : nullptr;
      if (!valid(mask, at)) {
        for (int64_t j = 0; attr.repeatMasked && dy && j < H; ++j) repeated[j] += dy[j];
        continue;
      }
      for (int64_t j = 0; j < H; ++j) delta[j] = g.dh[j] + repeated[j] + (dy ? dy[j] : Real(0));
      std::fill_n(repeated, H, Real(0));
      const Saved<Real> s(
          const_cast<Real*>(input<Real>(call, kReserve)) + at * Saved<Real>::kVectors * H, H);
      stepBackward(call, H, s, delta, g);
      addWeightGradients(call, e, input<Real>(call, kX) + at * e.I, s, g);
      if (Real* dx = output<Real>(call, kDx)) {
        for (int64_t i = 0; i < e.I; ++i) {
          for (int64_t c = 0; c < 3 * H; ++c) dx[at * e.I + i] += g.dz[c] * kernel[i * 3 * H + c];
        }
      }
    }
    if (dInitial) std::copy_n(g.dh, H, dInitial + b * H);
  }
  return 0;
}

template <typename Real>
size_t backwardScratch(const OpCall& call) noexcept {
  return static_cast<size_t>((2 + GateGradients<Real>::kVectors) * extents(call).H) * sizeof(Real);
}

}  // namespace

template <typename Real>
Kernel gruKernel() {
  return {.name = "reference.gru",
          .scratchBytes = forwardScratch<Real>,
          .reserveBytes = reserveBytes<Real>,
          .launch = forward<Real>};
}
template <typename Real>
Kernel gruBackwardKernel() {
  return {.name = "reference.gruBackward",
          .scratchBytes = backwardScratch<Real>,
          .launch = backward<Real>};
}
template Kernel gruKernel<float>();
template Kernel gruKernel<double>();
template Kernel gruBackwardKernel<float>();
template Kernel gruBackwardKernel<double>();

}  // namespace sluice::reference
