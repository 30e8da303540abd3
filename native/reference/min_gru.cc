// The recurrence of a minGRU, which meets no matrix: see op.h.
#include <algorithm>

#include "reference/activation.h"
#include "reference/kernels.h"

namespace sluice::reference {
namespace {

constexpr ActivationSpec kGate{ActivationKind::Sigmoid};

struct Extents {
  int64_t B, T, H;
};
Extents extents(const OpCall& call) {
  const Shape& gates = call.in[minGru::kGates].shape;
  return {gates[0], gates[1], gates[2] / 2};
}

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  using namespace minGru;
  const auto& attributes = call.attr<RecurrentAttributes>();
  const auto [B, T, H] = extents(call);
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const Real* initial = input<Real>(call, kInitialState);
  Real* sequence = output<Real>(call, kSequence);
  Real* states = output<Real>(call, kStates);
  for (int64_t b = 0; b < B; ++b) {
    Real* h = output<Real>(call, kFinalState) + b * H;
    for (int64_t j = 0; j < H; ++j) h[j] = initial ? initial[b * H + j] : Real(0);
    const Real* last = nullptr;
    for (int64_t k = 0; k < T; ++k) {
      const int64_t at = b * T + (attributes.reverse ? T - 1 - k : k);
      const bool valid = !mask || mask[at];
      const Real* gates = input<Real>(call, kGates) + at * 2 * H;
      for (int64_t j = 0; valid && j < H; ++j) {
        const Real z = activate(kGate, gates[j]);
        h[j] += z * (activate(attributes.activation, gates[H + j]) - h[j]);
      }
      if (states) std::copy_n(h, H, states + at * H);
      if (!sequence) continue;
      Real* y = sequence + at * H;
      for (int64_t j = 0; j < H; ++j)
        y[j] = valid ? h[j] : attributes.repeatMasked && last ? last[j] : Real(0);
      if (valid) last = y;
    }
  }
  return 0;
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  using namespace minGruBackward;
  const auto& attributes = call.attr<RecurrentAttributes>();
  const auto [B, T, H] = extents(call);
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const Real* initial = input<Real>(call, kInitialState);
  const Real* states = input<Real>(call, kStates);
  const Real* dSequence = input<Real>(call, kDSequence);
  const Real* dFinal = input<Real>(call, kDFinalState);
  Real* dInitial = output<Real>(call, kDInitialState);
  for (int64_t b = 0; b < B; ++b)
    for (int64_t j = 0; j < H; ++j) {
      Real dh = dFinal ? dFinal[b * H + j] : Real(0);
      Real repeated = 0;
      for (int64_t k = T - 1; k >= 0; --k) {
        const auto atOf = [&](int64_t step) {
          return b * T + (attributes.reverse ? T - 1 - step : step);
        };
        const int64_t at = atOf(k);
        const Real dy = dSequence ? dSequence[at * H + j] : Real(0);
        Real* dGates = output<Real>(call, kDGates) + at * 2 * H;
        if (mask && !mask[at]) {
          if (attributes.repeatMasked) repeated += dy;
          dGates[j] = dGates[H + j] = 0;
          continue;
        }
        const Real delta = dh + dy + repeated;
        repeated = 0;
        const Real* gates = input<Real>(call, kGates) + at * 2 * H;
        const Real z = activate(kGate, gates[j]);
        const Real c = activate(attributes.activation, gates[H + j]);
        const Real before = k > 0     ? states[atOf(k - 1) * H + j]
                            : initial ? initial[b * H + j]
                                      : Real(0);
        dGates[j] = delta * (c - before) * derivative(kGate, z);
        dGates[H + j] = delta * z * derivative(attributes.activation, c);
        dh = delta * (1 - z);
      }
      if (dInitial) dInitial[b * H + j] = dh;
    }
  return 0;
}

}  // namespace

template <typename Real>
Kernel minGruKernel() {
  return {.name = "reference.minGru", .launch = forward<Real>};
}
template <typename Real>
Kernel minGruBackwardKernel() {
  return {.name = "reference.minGruBackward", .launch = backward<Real>};
}
template Kernel minGruKernel<float>();
template Kernel minGruKernel<double>();
template Kernel minGruBackwardKernel<float>();
template Kernel minGruBackwardKernel<double>();

}  // namespace sluice::reference
