// What follows the product in a step of the way back.
#pragma once

#include "cuda/device/recurrent_forward.h"

namespace sluice::cuda {

struct BackwardStep {
  CellOptions options;
  int32_t H;
  int64_t at, T;
  // Of what forward saved of row b, the gates: at (b * T + at) * ld.
  const float* gates;
  int64_t ld;
  // Gate gradients of a chunk of steps: row b's at (b * steps + local) * ldGradients.
  float* gradients;
  int64_t ldGradients, steps, local;
  const float* stateMasks;  // as in ForwardStep
  int32_t maskRow;
  const uint8_t* mask;
  const float* zoneout;
  float update;
  const float* dSequence;  // [B,T,H]; null: zero
  float* repeated;         // [B,H]: of outputs that repeat an earlier one; null: they do not
  float* d[2];             // [B,H]: of the states, but for what comes through h R; in place
  float* dInitial;         // set: there is no step any more, and this is d[0]

  __device__ float stateMask(int64_t b, int gate, int32_t j) const {
    return stateMasks != nullptr ? stateMasks[b * maskRow + static_cast<int64_t>(gate) * H + j]
                                 : 1.0f;
  }
  __device__ bool valid(int64_t b) const { return mask == nullptr || mask[b * T + at] != 0; }
  __device__ const float* row(int64_t b, int32_t j) const { return gates + (b * T + at) * ld + j; }
  __device__ float* gradient(int64_t b, int plane, int32_t j) const {
    return gradients + (b * steps + local) * ldGradients + static_cast<int64_t>(plane) * H + j;
  }
};

template <class Cell, class Format>
struct BackwardTail {
  BackwardStep step;
  StepOperand<Format> next;  // gradients of h R + c, a plane a gate

  struct Inputs {
    int32_t valid;
    float d[Cell::kStates], dy, repeated, update;
    float states[Cell::kStates], gates[Cell::kGates], extra[Cell::kExtra + 1];
  };

  __device__ Inputs load(int64_t b, int32_t j) const {
    Inputs in{};
    for (int s = 0; s < Cell::kStates; ++s) in.d[s] = step.d[s][b * step.H + j];
    if (step.dInitial != nullptr) return in;
    in.valid = step.valid(b);
    const int64_t at = (b * step.T + step.at) * step.H + j;
    if (step.dSequence != nullptr) in.dy = step.dSequence[at];
    if (step.repeated != nullptr) in.repeated = step.repeated[b * step.H + j];
    in.update = step.zoneout != nullptr ? step.zoneout[at] : step.update;
    const float* row = step.row(b, j);
    for (int s = 0; s < Cell::kStates; ++s)
      in.states[s] = row[static_cast<int64_t>(s - Cell::kStates) * step.H];
    for (int i = 0; i < Cell::kGates; ++i) in.gates[i] = row[static_cast<int64_t>(i) * step.H];
    if (Cell::kExtra > 0) in.extra[0] = row[static_cast<int64_t>(Cell::kGates) * step.H];
    return in;
  }

  template <int kStride>
  __device__ void finish(int64_t b, int32_t j, const float* sums, Inputs in) const {
    if constexpr (Cell::kBackSums == 1) {
      in.d[0] += sums[0] * step.stateMask(b, 0, j);
    } else {
      for (int gate = 0; gate < Cell::kBackSums; ++gate)
        in.d[0] += sums[gate * kStride] * step.stateMask(b, gate, j);
    }
    if (step.dInitial != nullptr) {
      step.dInitial[b * step.H + j] = in.d[0];
      return;
    }
    float g[Cell::kGradients] = {};
    goBack(b, j, in, g);
    for (int gate = 0; gate < Cell::kGates; ++gate)
      if (Cell::stateGradient(gate) >= 0) next.put(b, gate, j, g[Cell::stateGradient(gate)]);
  }

  // The gradient of h behind the step, of all that comes to it.
  __device__ static float arrived(const Inputs& in) { return in.d[0] + (in.repeated + in.dy); }

  // From d, which has what came through h R, to the gate gradients and the states before.
  __device__ void goBack(int64_t b, int32_t j, Inputs in, float (&g)[Cell::kGradients]) const {
    const int64_t unit = b * step.H + j;
    if (in.valid) {
      in.d[0] = arrived(in);
      const float kept = (1 - in.update) * in.d[0];
      in.d[0] *= in.update;
      Cell::backward(step.options, in.states, in.gates, in.extra, in.d, g);
      in.d[0] += kept;
      for (int s = 1; s < Cell::kStates; ++s) step.d[s][unit] = in.d[s];
    }
    step.d[0][unit] = in.d[0];
    if (step.repeated != nullptr) step.repeated[unit] = in.valid ? 0.0f : in.repeated + in.dy;
    for (int plane = 0; plane < Cell::kGradients; ++plane) *step.gradient(b, plane, j) = g[plane];
  }
};

// The second kernel of a step where r h meets the candidate's columns: sums are dn R_h^T, the
// gradient of r h.
template <class Cell, class Format>
struct ResetBackwardTail {
  BackwardStep step;
  StepOperand<Format> next;

  struct Inputs {
    int32_t valid;
    float h, r, d;
  };

  __device__ Inputs load(int64_t b, int32_t j) const {
    const float* row = step.row(b, j);
    return {step.valid(b), row[-static_cast<int64_t>(step.H)], row[step.H],
            step.d[0][b * step.H + j]};
  }

  template <int kStride>
  __device__ void finish(int64_t b, int32_t j, const float* sums, Inputs in) const {
    float dr = 0;
    const float dq = sums[0] * step.stateMask(b, 2, j);
    if (in.valid) {
      dr = dq * in.h * step.options.slope(step.options.recurrentActivation, in.r);
      step.d[0][b * step.H + j] = in.d + dq * in.r;
    }
    *step.gradient(b, 1, j) = dr;
    next.put(b, 1, j, dr);
  }
};

}  // namespace sluice::cuda
