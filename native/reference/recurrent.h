// One direction of a recurrence, row by row and step by step, over a cell:
//   static constexpr int64_t kGates, kStates   as in op.h
//   static constexpr int64_t kSaved            vectors of H that backward needs of a step; those
//                                              before the step are the first kStates of them
//   static constexpr int64_t kGradients        vectors of H that backward works with; the first
//                                              kGates are the gradient of x W + b
//   static void step(Step<Real>&, Real* saved, Real* states)
//     takes the states [kStates][H] to those after the step, from step.fromInput and fromState
//   static void backward(const Step<Real>&, const Real* saved, Real* dStates, Real* g)
//     takes the gradients of the states to what flows to those before the step past h R
//   static const Real* stateGradient(const Step<Real>&, const Real* g, int64_t gate)
//     of the sums h R + c of a gate
//   static const Real* met(const Step<Real>&, const Real* saved, int64_t gate)
//     what a gate's recurrent columns are multiplied with: h, or r h
#pragma once

#include <algorithm>

#include "reference/activation.h"
#include "reference/kernels.h"

namespace sluice::reference {

// y = gain (x - mean) / sqrt(variance + epsilon) + offset over n values, in place. hats: the n
// values before gain and offset, then the factor that x was multiplied with.
template <typename Real>
void normalize(int64_t n, double epsilon, const Real* gain, const Real* offset, Real* x,
               Real* hats) {
  Real mean = 0, variance = 0;
  for (int64_t i = 0; i < n; ++i) mean += x[i] / static_cast<Real>(n);
  for (int64_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean) / static_cast<Real>(n);
  hats[n] = 1 / std::sqrt(variance + static_cast<Real>(epsilon));
  for (int64_t i = 0; i < n; ++i) {
    hats[i] = (x[i] - mean) * hats[n];
    x[i] = gain[i] * hats[i] + (offset ? offset[i] : Real(0));
  }
}
// The gradient of x, in place of that of y; adds those of gain and offset, either of which may be
// null.
template <typename Real>
void normalizeBackward(int64_t n, const Real* gain, const Real* hats, Real* g, Real* dGain,
                       Real* dOffset) {
  Real sum = 0, along = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (dGain) dGain[i] += g[i] * hats[i];
    if (dOffset) dOffset[i] += g[i];
    g[i] *= gain[i];
    sum += g[i];
    along += g[i] * hats[i];
  }
  for (int64_t i = 0; i < n; ++i)
    g[i] = hats[n] * (g[i] - (sum + along * hats[i]) / static_cast<Real>(n));
}

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
  const Real* gamma;
  const Real* cellGamma;
  const Real* cellBeta;
  bool norms, normsCell;  // also where sizes alone are asked for

  // scratch: that many reals.
  static int64_t scratchReals(int64_t columns) { return 2 * columns; }
  Step(const OpCall& call, int64_t gates, Real* scratch)
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
        zoneout(input<Real>(call, recurrent::kZoneout)),
        gamma(input<Real>(call, recurrent::kGamma)),
        cellGamma(input<Real>(call, recurrent::kCellGamma)),
        cellBeta(input<Real>(call, recurrent::kCellBeta)),
        norms(call.in[recurrent::kGamma].present()),
        normsCell(call.in[recurrent::kCellGamma].present()),
        inputSums(scratch),
        stateSums(scratch + columns()) {}

  int64_t row = 0;              // whose masks are meant
  Real* hats = nullptr;         // where the normalized values of the step stand
  Real *inputSums, *stateSums;  // of a step: x W + b and h R, normalized where gamma is there
  Real* dCellGamma = nullptr;   // in backward
  Real* dCellBeta = nullptr;

  int64_t columns() const { return G * H; }
  // Reals of `hats`: those of x W and of h R, and of c.
  int64_t hatReals() const { return (norms ? 2 * (columns() + 1) : 0) + (normsCell ? H + 1 : 0); }
  Real* inputHats() const { return hats; }
  Real* stateHats() const { return hats + columns() + 1; }
  Real* cellHats() const { return stateHats() + columns() + 1; }

  // How far unit j goes to its new state in the step at `at`.
  Real update(int64_t at, int64_t j) const {
    return zoneout ? zoneout[at * H + j] : static_cast<Real>(1 - attributes.zoneout);
  }

  // A gate of its sum, and the derivative from its value: none where clip holds the sum.
  Real gate(const ActivationSpec& spec, Real sum) const {
    const Real clip = static_cast<Real>(attributes.clip);
    if (clip > 0 && std::abs(sum) > clip) sum = std::copysign(clip, sum);
    return activate(spec, sum);
  }
  Real slope(const ActivationSpec& spec, Real value) const {
    const Real clip = static_cast<Real>(attributes.clip);
    if (clip > 0 && (value <= activate(spec, -clip) || value >= activate(spec, clip))) return 0;
    return derivative(spec, value);
  }

  // What element i of x and of h is multiplied with for a gate.
  Real inputMask(int64_t gate, int64_t i) const {
    return inputMasks ? inputMasks[(row * G + gate) * I + i] : Real(1);
  }
  Real stateMask(int64_t gate, int64_t j) const {
    return stateMasks ? stateMasks[(row * G + gate) * H + j] : Real(1);
  }
  // Column `column` of h R.
  Real product(const Real* h, int64_t column) const {
    Real sum = 0;
    for (int64_t j = 0; j < H; ++j)
      sum += h[j] * stateMask(column / H, j) * recurrent[j * columns() + column];
    return sum;
  }
  // Fills inputSums and stateSums.
  void begin(const Real* x, const Real* h) {
    for (int64_t c = 0; c < columns(); ++c) {
      inputSums[c] = 0;
      for (int64_t i = 0; i < I; ++i)
        inputSums[c] += x[i] * inputMask(c / H, i) * kernel[i * columns() + c];
      stateSums[c] = product(h, c);
    }
    const Real* none = nullptr;
    if (gamma) {
      normalize(columns(), attributes.epsilon, gamma, none, inputSums, inputHats());
      normalize(columns(), attributes.epsilon, gamma + columns(), none, stateSums, stateHats());
    }
    for (int64_t c = 0; bias && c < columns(); ++c) inputSums[c] += bias[c];
  }
  // Row j of R, the columns of one gate, times a gradient: the way back through h R.
  Real back(const Real* gradient, int64_t j, int64_t gate) const {
    Real sum = 0;
    for (int64_t k = 0; k < H; ++k) sum += gradient[k] * recurrent[j * columns() + gate * H + k];
    return sum * stateMask(gate, j);
  }
};

template <template <typename> class Cell, typename Real>
int32_t recurrentForward(const OpCall& call) noexcept {
  using namespace recurrent;
  using C = Cell<Real>;
  Step<Real> step(call, C::kGates, static_cast<Real*>(call.scratch));
  const RecurrentAttributes& attributes = step.attributes;
  const int64_t H = step.H;
  const uint8_t* mask = input<uint8_t>(call, kMask);
  Real* sequence = output<Real>(call, kSequence);
  Real* reserve = output<Real>(call, kReserve);
  const int64_t savedReals = C::kSaved * H + step.hatReals();
  Real* const states = static_cast<Real*>(call.scratch) + step.scratchReals(step.columns());
  Real* const spare = states + C::kStates * H;
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
      Real* saved = reserve ? reserve + at * savedReals : spare;
      step.hats = saved + C::kSaved * H;
      std::copy_n(states, C::kStates * H, saved);
      step.begin(input<Real>(call, kX) + at * step.I, saved);
      C::step(step, saved, states);
      for (int64_t j = 0; attributes.zoneout > 0 && j < H; ++j)
        states[j] = saved[j] + step.update(at, j) * (states[j] - saved[j]);
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
  Step<Real> step(call, C::kGates, static_cast<Real*>(call.scratch));
  const RecurrentAttributes& attributes = step.attributes;
  const int64_t H = step.H, columns = step.columns();
  const int64_t savedReals = C::kSaved * H + step.hatReals();
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const Real* dSequence = input<Real>(call, kDSequence);
  const Real* reserve = input<Real>(call, kReserve);
  Real* dKernel = output<Real>(call, kDKernel);
  Real* dRecurrent = output<Real>(call, kDRecurrentKernel);
  Real* dBias = output<Real>(call, kDBias);
  Real* dx = output<Real>(call, kDx);
  for (int out = 0; out < call.outCount; ++out)
    if (Real* p = output<Real>(call, out)) std::fill_n(p, call.out[out].shape.elements(), Real(0));

  Real* dGamma = output<Real>(call, kDGamma);
  step.dCellGamma = output<Real>(call, kDCellGamma);
  step.dCellBeta = output<Real>(call, kDCellBeta);

  Real* const dInput = static_cast<Real*>(call.scratch);  // of x W and of h R
  Real* const dState = dInput + columns;
  Real* const dStates = dInput + step.scratchReals(columns);
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
      const Real* saved = reserve + at * savedReals;
      step.hats = const_cast<Real*>(saved) + C::kSaved * H;
      for (int64_t j = 0; j < H; ++j) {
        const Real update = attributes.zoneout > 0 ? step.update(at, j) : Real(1);
        kept[j] = (1 - update) * dStates[j];
        dStates[j] *= update;
      }
      C::backward(step, saved, dStates, g);
      std::copy_n(g, columns, dInput);
      for (int64_t gate = 0; gate < C::kGates; ++gate)
        std::copy_n(C::stateGradient(step, g, gate), H, dState + gate * H);
      // Where h R has a bias of its own, that is the second row.
      for (int64_t c = 0; dBias && c < columns; ++c) {
        dBias[c] += dInput[c];
        if (call.in[kBias].shape.rank == 2) dBias[columns + c] += dState[c];
      }
      Real* const none = nullptr;
      if (step.gamma) {
        normalizeBackward(columns, step.gamma, step.inputHats(), dInput, dGamma, none);
        normalizeBackward(columns, step.gamma + columns, step.stateHats(), dState,
                          dGamma ? dGamma + columns : none, none);
      }
      const Real* x = input<Real>(call, kX) + at * step.I;
      for (int64_t gate = 0; gate < C::kGates; ++gate) {
        const Real* met = C::met(step, saved, gate);
        for (int64_t c = gate * H; c < (gate + 1) * H; ++c) {
          for (int64_t i = 0; i < step.I; ++i) {
            const Real factor = step.inputMask(gate, i);
            if (dKernel) dKernel[i * columns + c] += x[i] * factor * dInput[c];
            if (dx) dx[at * step.I + i] += dInput[c] * factor * step.kernel[i * columns + c];
          }
          for (int64_t j = 0; dRecurrent && j < H; ++j)
            dRecurrent[j * columns + c] += met[j] * step.stateMask(gate, j) * dState[c];
        }
        for (int64_t j = 0; met == saved && j < H;
             ++j)  // what meets r h has gone through r already
          dStates[j] += step.back(dState + gate * H, j, gate);
      }
      for (int64_t j = 0; j < H; ++j) dStates[j] += kept[j];
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

  static int64_t stepReals(const OpCall& call) {
    return Step<Real>::scratchReals(C::kGates * units(call));
  }
  static int64_t savedReals(const OpCall& call) {
    return C::kSaved * units(call) + Step<Real>(call, C::kGates, nullptr).hatReals();
  }

  static size_t scratchBytes(const OpCall& call) noexcept {
    return bytes(stepReals(call) + C::kStates * units(call) + savedReals(call));
  }
  static size_t reserveBytes(const OpCall& call) noexcept {
    const Shape& x = call.in[recurrent::kX].shape;
    return bytes(x[0] * x[1] * savedReals(call));
  }
  static size_t backwardScratchBytes(const OpCall& call) noexcept {
    return bytes(stepReals(call) + (C::kStates + 2 + C::kGradients) * units(call));
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
