// The element-wise parts of recurrent cells, a unit of a row at a time. A cell has
//   kStates     planes of a state, the first is h
//   kGates      planes of x W + b, which become gates
//   kSums       of them, the last, meet sums of h R in the step
//   kExtra      more that backward needs of a step: planes of what it saves after states and gates
//   kGradients  planes of gate gradients, of which the first kGates are those of x W + b
//   step        takes states and gates to those after the step. sums: of h R + c
//   backward    d: the gradients of the states after the step, and then what flows past h R to
//               those before it; g: the gate gradients
//   kBackSums   sums of the way back: one of all gates, or of each where they have masks
//   stateGradient(i)  the plane that is the gradient of gate i's h R + c, or -1: not known yet
// Equations: docs/semantics.md.
#pragma once

#include "cuda/device/activate.h"

namespace sluice::cuda {

// The functions that nearly all cells use are part of a step's code, the others are called: that
// keeps the many kernels small.
struct CellActivation {
  ActivationKind kind;
  float alpha, beta;
};
__device__ inline __attribute__((noinline)) float activateOther(ActivationKind kind, float alpha,
                                                                float beta, float x) {
  return activate({kind, alpha, beta}, x);
}
__device__ inline __attribute__((noinline)) float derivativeOther(ActivationKind kind, float alpha,
                                                                  float y) {
  return derivative({kind, alpha, 0}, y, 0);
}
__device__ inline float activate(const CellActivation& activation, float x) {
  switch (activation.kind) {
    case ActivationKind::Tanh:
      return activate(ActivationSpec{ActivationKind::Tanh}, x);
    case ActivationKind::Sigmoid:
      return activate(ActivationSpec{ActivationKind::Sigmoid}, x);
    default:
      return activateOther(activation.kind, activation.alpha, activation.beta, x);
  }
}
__device__ inline float derivative(const CellActivation& activation, float y) {
  switch (activation.kind) {
    case ActivationKind::Tanh:
      return derivative(ActivationSpec{ActivationKind::Tanh}, y, 0);
    case ActivationKind::Sigmoid:
      return derivative(ActivationSpec{ActivationKind::Sigmoid}, y, 0);
    default:
      return derivativeOther(activation.kind, activation.alpha, y);
  }
}

struct CellOptions {
  CellActivation activation, recurrentActivation;
  float clip;  // 0: none
  int32_t replace;

  // A gate of its sum, and the derivative from its value: none where clip holds the sum.
  __device__ float gate(const CellActivation& activation, float sum) const {
    if (clip > 0 && fabsf(sum) > clip) sum = copysignf(clip, sum);
    return activate(activation, sum);
  }
  __device__ float slope(const CellActivation& activation, float value) const {
    if (clip > 0 &&
        (value <= activateOther(activation.kind, activation.alpha, activation.beta, -clip) ||
         value >= activateOther(activation.kind, activation.alpha, activation.beta, clip)))
      return 0;
    return derivative(activation, value);
  }
};

// A cell whose gates have masks: on the way back each has sums of its own.
template <class Cell, int kBackSums_>
struct MaskedCell : Cell {
  static constexpr int kBackSums = kBackSums_;
};

struct SimpleRnnCell {
  static constexpr int kBackSums = 1;
  static constexpr int kStates = 1, kGates = 1, kSums = 1, kExtra = 0, kGradients = 1;

  static __device__ void step(const CellOptions& options, const float* sums, float* states,
                              float* gates, float*) {
    gates[0] = options.gate(options.activation, gates[0] + sums[0]);
    states[0] = gates[0];
  }
  static __device__ void backward(const CellOptions& options, const float*, const float* gates,
                                  const float*, float* d, float* g) {
    g[0] = d[0] * options.slope(options.activation, gates[0]);
    d[0] = 0;
  }
  static __device__ constexpr int stateGradient(int gate) { return gate; }
};

struct LstmCell {
  static constexpr int kBackSums = 1;
  static constexpr int kStates = 2, kGates = 4, kSums = 4, kExtra = 1, kGradients = 4;

  // Gates and the new c.
  static __device__ void update(const CellOptions& options, const float* sums, float* states,
                                float* gates) {
    for (int gate = 0; gate < 4; ++gate)
      gates[gate] = options.gate(gate == 2 ? options.activation : options.recurrentActivation,
                                 gates[gate] + sums[gate]);
    states[1] = gates[1] * states[1] + gates[0] * gates[2];
  }
  // h, of c. Extra: act(c).
  static __device__ void output(const CellOptions& options, float c, float* states,
                                const float* gates, float* extra) {
    extra[0] = activate(options.activation, c);
    states[0] = gates[3] * extra[0];
  }
  static __device__ void step(const CellOptions& options, const float* sums, float* states,
                              float* gates, float* extra) {
    update(options, sums, states, gates);
    output(options, states[1], states, gates, extra);
  }
  // The gradient of the c that output took.
  static __device__ float outputGradient(const CellOptions& options, const float* gates,
                                         const float* extra, float dh) {
    return dh * gates[3] * derivative(options.activation, extra[0]);
  }
  static __device__ void backward(const CellOptions& options, const float* states,
                                  const float* gates, const float* extra, float* d, float* g) {
    updateBackward(options, states, gates, extra,
                   d[1] + outputGradient(options, gates, extra, d[0]), d, g);
  }
  static __device__ void updateBackward(const CellOptions& options, const float* states,
                                        const float* gates, const float* extra, float dc, float* d,
                                        float* g) {
    const float i = gates[0], f = gates[1], c = gates[2], o = gates[3];
    g[0] = dc * c * options.slope(options.recurrentActivation, i);
    g[1] = dc * states[1] * options.slope(options.recurrentActivation, f);
    g[2] = dc * i * options.slope(options.activation, c);
    g[3] = d[0] * extra[0] * options.slope(options.recurrentActivation, o);
    d[0] = 0;
    d[1] = dc * f;
  }
  static __device__ constexpr int stateGradient(int gate) { return gate; }
};

// With layer norm: c is normalised where h takes it, which needs the whole row, so that it comes as
// one sum more; and goes as one gradient more, that of the normalised c. On the way back d[1] has
// what came through the norm.
struct NormedLstmCell : LstmCell {
  static constexpr int kSums = 5, kGradients = 5;

  static __device__ void step(const CellOptions& options, const float* sums, float* states,
                              float* gates, float* extra) {
    update(options, sums, states, gates);
    output(options, sums[kGates], states, gates, extra);
  }
  static __device__ void backward(const CellOptions& options, const float* states,
                                  const float* gates, const float* extra, float* d, float* g) {
    g[kGates] = outputGradient(options, gates, extra, d[0]);
    updateBackward(options, states, gates, extra, d[1], d, g);
  }
};

__device__ inline float blend(const CellOptions& options, float z, float h, float n) {
  return options.replace ? (1 - z) * h + z * n : z * h + (1 - z) * n;
}

// What both kinds of a GRU do on the way back: dz, dn, and what z lets past.
__device__ inline void updateGradients(const CellOptions& options, float h, const float* gates,
                                       float* d, float* g) {
  const float z = gates[0], n = gates[2];
  const float toCandidate = options.replace ? z : 1 - z, past = options.replace ? 1 - z : z;
  g[0] = d[0] * (options.replace ? n - h : h - n) * options.slope(options.recurrentActivation, z);
  g[2] = d[0] * toCandidate * options.slope(options.activation, n);
  d[0] *= past;
}

// r multiplies q = h R + c of the candidate, which is saved.
struct GruCell {
  static constexpr int kBackSums = 1;
  static constexpr int kStates = 1, kGates = 3, kSums = 3, kExtra = 1, kGradients = 4;

  static __device__ void step(const CellOptions& options, const float* sums, float* states,
                              float* gates, float* extra) {
    const float z = options.gate(options.recurrentActivation, gates[0] + sums[0]);
    const float r = options.gate(options.recurrentActivation, gates[1] + sums[1]);
    extra[0] = sums[2];
    const float n = options.gate(options.activation, gates[2] + r * sums[2]);
    gates[0] = z, gates[1] = r, gates[2] = n;
    states[0] = blend(options, z, states[0], n);
  }
  static __device__ void backward(const CellOptions& options, const float* states,
                                  const float* gates, const float* extra, float* d, float* g) {
    updateGradients(options, states[0], gates, d, g);
    g[1] = g[2] * extra[0] * options.slope(options.recurrentActivation, gates[1]);
    g[3] = g[2] * gates[1];
  }
  static __device__ constexpr int stateGradient(int gate) { return gate == 2 ? 3 : gate; }
};

// r multiplies h before that meets the candidate's columns: the other two gates are computed before
// (ResetTail). Saved: q = r h.
struct ResetBeforeCell {
  static constexpr int kBackSums = 1;
  static constexpr int kStates = 1, kGates = 3, kSums = 1, kExtra = 1, kGradients = 3;

  static __device__ void step(const CellOptions& options, const float* sums, float* states,
                              float* gates, float* extra) {
    extra[0] = gates[1] * states[0];
    gates[2] = options.gate(options.activation, gates[2] + sums[0]);
    states[0] = blend(options, gates[0], states[0], gates[2]);
  }
  // dr waits for dn R_h^T.
  static __device__ void backward(const CellOptions& options, const float* states,
                                  const float* gates, const float*, float* d, float* g) {
    updateGradients(options, states[0], gates, d, g);
  }
  static __device__ constexpr int stateGradient(int gate) { return gate == 1 ? -1 : gate; }
};

}  // namespace sluice::cuda
