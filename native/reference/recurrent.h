// One direction of a recurrence, row by row and step by step, over a cell:
//   static constexpr int64_t kGates, kStates   as in op.h
//   static constexpr int64_t kSaved            vectors of H that backward needs of a step
//   static constexpr int64_t kGradients        vectors of H that backward works with; the first
//                                              kGates are the gradient of x W + b
//   static void step(const Step<Real>&, const Real* x, Real* saved, Real* states)
//     takes the states [kStates][H] to those after the step
//   static void backward(const Step<Real>&, const Real* saved, Real* dStates, Real* g)
//     takes the gradients of the states to those before the step
//   static void addRecurrent(const Step<Real>&, const Real* saved, const Real* g, Real* dRecurrent,
//                            Real* dBias)
//     adds a step's part of the gradients of R and of a bias beside h R; either may be null
#pragma once

#include <algorithm>

#include "reference/activation.h"
#include "reference/kernels.h"

namespace sluice::reference {

// What a step is given beside its values.
template <typename Real>
struct Step {
  const RecurrentAttributes& attributes;
  int64_t B, T, I, H, G;
  const Real* kernel;
  const Real* recurrent;
  const Real* bias;
  const Real* inputMasks;
  const Real* stateMasks;
  const Real* zoneout;

  Step(const OpCall& call, int64_t gates)
      : attributes(call.attr<RecurrentAttributes>()),
        B(call.in[recurrent::kX].shape[0]),
        T(call.in[recurrent::kX].shape[1]),
        I(call.in[recurrent::kX].shape[2]),
        H(call.in[recurrent::kRecurrentKernel].shape[0]),
        G(gates),
        kernel(input<Real>(call, recurrent::kKernel)),
        recurrent(input<Real>(call, recurrent::kRecurrentKernel)),
        bias(input<Real>(call, recurrent::kBias)),
        inputMasks(input<Real>(call, recurrent::kInputMasks)),
        stateMasks(input<Real>(call, recurrent::kStateMasks)),
        zoneout(input<Real>(call, recurrent::kZoneout)) {}

  // How far unit j goes to its new state in the step at `at`.
  Real update(int64_t at, int64_t j) const {
    return zoneout ? zoneout[at * H + j] : static_cast<Real>(1 - attributes.zoneout);
  }

  int64_t row = 0;  // whose masks are meant

  int64_t columns() const { return G * H; }
  // What element i of x and of h is multiplied with for a gate.
  Real inputMask(int64_t gate, int64_t i) const {
    return inputMasks ? inputMasks[(row * G + gate) * I + i] : Real(1);
  }
  Real stateMask(int64_t gate, int64_t j) const {
    return stateMasks ? stateMasks[(row * G + gate) * H + j] : Real(1);
  }
  // Column `column` of x W + b.
  Real fromInput(const Real* x, int64_t column) const {
    Real sum = 0;
    for (int64_t i = 0; i < I; ++i)
      sum += x[i] * inputMask(column / H, i) * kernel[i * columns() + column];
    return sum + (bias ? bias[column] : Real(0));
  }
  // Column `column` of h R.
  Real fromState(const Real* h, int64_t column) const {
    Real sum = 0;
    for (int64_t j = 0; j < H; ++j)
      sum += h[j] * stateMask(column / H, j) * recurrent[j * columns() + column];
    return sum;
  }
  // Row j of R, the columns of one gate, times a gradient: the way back through h R.
  Real back(const Real* gradient, int64_t j, int64_t gate) const {
    Real sum = 0;
    for (int64_t k = 0; k < H; ++k) sum += gradient[k] * recurrent[j * columns() + gate * H + k];
    return sum * stateMask(gate, j);
  }
  // dRecurrent[j, column] += h[j] gradient[column] for some neighbouring columns; null: not wanted.
  void addOuter(const Real* h, const Real* gradient, int64_t first, int64_t count,
                Real* dRecurrent) const {
    for (int64_t j = 0; dRecurrent && j < H; ++j)
      for (int64_t c = 0; c < count; ++c)
        dRecurrent[j * columns() + first + c] += h[j] * stateMask((first + c) / H, j) * gradient[c];
  }
};

template <template <typename> class Cell, typename Real>
int32_t recurrentForward(const OpCall& call) noexcept {
  using namespace recurrent;
  using C = Cell<Real>;
  Step<Real> step(call, C::kGates);
  const RecurrentAttributes& attributes = step.attributes;
  const int64_t H = step.H;
  const uint8_t* mask = input<uint8_t>(call, kMask);
  Real* sequence = output<Real>(call, kSequence);
  Real* reserve = output<Real>(call, kReserve);
  Real* const states = static_cast<Real*>(call.scratch);
  Real* const before = states + C::kStates * H;
  Real* const spare = before + H;
  constexpr int kInitial[] = {kInitialState, kInitialCell};
  constexpr int kFinal[] = {kFinalState, kFinalCell};
  for (int64_t b = 0; b < step.B && !call.context->cancelled(); ++b) {
    step.row = b;
    for (int64_t s = 0; s < C::kStates; ++s) {
      const Real* initial = input<Real>(call, kInitial[s]);
      for (int64_t j = 0; j < H; ++j) states[s * H + j] = initial ? initial[b * H + j] : Real(0);
    }
    const Real* lastOutput = nullptr;
    for (int64_t k = 0; k < step.T; ++k) {
      const int64_t at = b * step.T + (attributes.reverse ? step.T - 1 - k : k);
      Real* y = sequence ? sequence + at * H : nullptr;
      if (mask && !mask[at]) {
        for (int64_t j = 0; y && j < H; ++j)
          y[j] = attributes.repeatMasked && lastOutput ? lastOutput[j] : Real(0);
        continue;
      }
      std::copy_n(states, H, before);
      C::step(step, input<Real>(call, kX) + at * step.I,
              reserve ? reserve + at * C::kSaved * H : spare, states);
      for (int64_t j = 0; attributes.zoneout > 0 && j < H; ++j)
        states[j] = before[j] + step.update(at, j) * (states[j] - before[j]);
      if (y) std::copy_n(states, H, y);
      lastOutput = y;
    }
    for (int64_t s = 0; s < C::kStates; ++s)
      std::copy_n(states + s * H, H, output<Real>(call, kFinal[s]) + b * H);
  }
  return 0;
}

template <template <typename> class Cell, typename Real>
int32_t recurrentBackward(const OpCall& call) noexcept {
  using namespace sluice::recurrentBackward;
  using C = Cell<Real>;
  Step<Real> step(call, C::kGates);
  const RecurrentAttributes& attributes = step.attributes;
  const int64_t H = step.H, columns = step.columns();
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const Real* dSequence = input<Real>(call, kDSequence);
  const Real* reserve = input<Real>(call, kReserve);
  Real* dKernel = output<Real>(call, kDKernel);
  Real* dRecurrent = output<Real>(call, kDRecurrentKernel);
  Real* dBias = output<Real>(call, kDBias);
  Real* dx = output<Real>(call, kDx);
  for (int out = 0; out < call.outCount; ++out)
    if (Real* p = output<Real>(call, out)) std::fill_n(p, call.out[out].shape.elements(), Real(0));

  Real* const dStates = static_cast<Real*>(call.scratch);
  Real* const repeated = dStates + C::kStates * H;  // of outputs that repeat an earlier step's
  Real* const kept = repeated + H;  // what goes to the state before the step by zoneout
  Real* const g = kept + H;
  constexpr int kFinal[] = {kDFinalState, kDFinalCell};
  constexpr int kInitial[] = {kDInitialState, kDInitialCell};
  for (int64_t b = 0; b < step.B && !call.context->cancelled(); ++b) {
    step.row = b;
    for (int64_t s = 0; s < C::kStates; ++s) {
      const Real* dFinal = input<Real>(call, kFinal[s]);
      for (int64_t j = 0; j < H; ++j) dStates[s * H + j] = dFinal ? dFinal[b * H + j] : Real(0);
    }
    std::fill_n(repeated, H, Real(0));
    for (int64_t k = step.T - 1; k >= 0; --k) {
      const int64_t at = b * step.T + (attributes.reverse ? step.T - 1 - k : k);
      const Real* dy = dSequence ? dSequence + at * H : nullptr;
      if (mask && !mask[at]) {
        for (int64_t j = 0; attributes.repeatMasked && dy && j < H; ++j) repeated[j] += dy[j];
        continue;
      }
      for (int64_t j = 0; j < H; ++j) dStates[j] += repeated[j] + (dy ? dy[j] : Real(0));
      std::fill_n(repeated, H, Real(0));
      const Real* saved = reserve + at * C::kSaved * H;
      for (int64_t j = 0; j < H; ++j) {
        const Real update = attributes.zoneout > 0 ? step.update(at, j) : Real(1);
        kept[j] = (1 - update) * dStates[j];
        dStates[j] *= update;
      }
      C::backward(step, saved, dStates, g);
      for (int64_t j = 0; j < H; ++j) dStates[j] += kept[j];
      const Real* x = input<Real>(call, kX) + at * step.I;
      for (int64_t i = 0; i < step.I; ++i)
        for (int64_t c = 0; c < columns; ++c) {
          const Real factor = step.inputMask(c / H, i);
          if (dKernel) dKernel[i * columns + c] += x[i] * factor * g[c];
          if (dx) dx[at * step.I + i] += g[c] * factor * step.kernel[i * columns + c];
        }
      for (int64_t c = 0; dBias && c < columns; ++c) dBias[c] += g[c];
      if (dRecurrent || dBias) C::addRecurrent(step, saved, g, dRecurrent, dBias);
    }
    for (int64_t s = 0; s < C::kStates; ++s)
      if (Real* dInitial = output<Real>(call, kInitial[s]))
        std::copy_n(dStates + s * H, H, dInitial + b * H);
  }
  return 0;
}

template <template <typename> class Cell, typename Real>
struct RecurrentKernels {
  using C = Cell<Real>;
  static int64_t units(const OpCall& call) { return call.in[recurrent::kRecurrentKernel].shape[0]; }
  static size_t bytes(int64_t reals) { return static_cast<size_t>(reals) * sizeof(Real); }

  static size_t scratchBytes(const OpCall& call) noexcept {
    return bytes((C::kStates + 1 + C::kSaved) * units(call));
  }
  static size_t reserveBytes(const OpCall& call) noexcept {
    const Shape& x = call.in[recurrent::kX].shape;
    return bytes(x[0] * x[1] * C::kSaved * units(call));
  }
  static size_t backwardScratchBytes(const OpCall& call) noexcept {
    return bytes((C::kStates + 2 + C::kGradients) * units(call));
  }

  static Kernel forward(const char* name) {
    return {.name = name,
            .scratchBytes = scratchBytes,
            .reserveBytes = reserveBytes,
            .launch = recurrentForward<Cell, Real>};
  }
  static Kernel backward(const char* name) {
    return {.name = name,
            .scratchBytes = backwardScratchBytes,
            .launch = recurrentBackward<Cell, Real>};
  }
};

}  // namespace sluice::reference
