// What follows the product in a forward step.
#pragma once

#include "cuda/device/recurrent_cells.h"

namespace sluice::cuda {

// A step of all rows. Planes of a row stand side by side, H floats each.
struct ForwardStep {
  CellOptions options;
  int32_t H;
  int64_t at;        // of the T steps of a row
  int64_t previous;  // the one walked before, or -1
  int64_t T;
  // x W + b: row b's is at (b * steps + local) * ld; of the same row come states before and what is
  // saved behind it, where `keeps` says that backward needs them.
  float* gates;
  int64_t ld, steps, local;
  int32_t keeps;
  int32_t repeatMasked;
  const float* bias;        // of h R, the planes of the gates; null: none
  const float* stateMasks;  // [B,planes H]: what h, or r h, is multiplied with; null: nothing
  int32_t maskRow;          // planes H
  int32_t operandPlanes;    // of h: one, or one a gate that has a mask
  const uint8_t* mask;      // [B,T]; null: all are valid
  const float* zoneout;     // [B,T,H]; null: `update` for all
  float update;             // 1: the new state is taken as it is
  float* states[2];         // [B,H], in place
  float* sequence;          // [B,T,H]; null: not wanted

  __device__ float* row(int64_t b, int32_t j) const { return gates + (b * steps + local) * ld + j; }
  __device__ bool valid(int64_t b) const { return mask == nullptr || mask[b * T + at] != 0; }
  __device__ float biasOf(int gate, int32_t j) const {
    return bias != nullptr ? bias[static_cast<int64_t>(gate) * H + j] : 0.0f;
  }
  __device__ float stateMask(int64_t b, int gate, int32_t j) const {
    return stateMasks != nullptr ? stateMasks[b * maskRow + static_cast<int64_t>(gate) * H + j]
                                 : 1.0f;
  }
  __device__ void putOut(int64_t b, int32_t j, bool valid, float h) const {
    if (sequence == nullptr) return;
    if (!valid) h = repeatMasked && previous >= 0 ? sequence[(b * T + previous) * H + j] : 0.0f;
    sequence[(b * T + at) * H + j] = h;
  }
};

// Rows of operands: planes of `plane` elements, what is behind H is zero.
template <class Format>
struct StepOperand {
  typename Format::Operand* rows;
  int32_t ld, plane;

  __device__ void put(int64_t b, int slot, int32_t j, float value) const {
    rows[b * ld + static_cast<int64_t>(slot) * plane + j] = Format::round(value);
  }
};

template <class Cell, class Format>
struct ForwardTail {
  ForwardStep step;
  StepOperand<Format> next;  // h

  struct Inputs {
    int32_t valid;
    float states[Cell::kStates], gates[Cell::kGates], bias[Cell::kSums];
    float update;
  };

  __device__ Inputs load(int64_t b, int32_t j) const {
    Inputs in;
    in.valid = step.valid(b);
    const float* row = step.row(b, j);
    for (int gate = 0; gate < Cell::kGates; ++gate)
      in.gates[gate] = row[static_cast<int64_t>(gate) * step.H];
    for (int s = 0; s < Cell::kStates; ++s) in.states[s] = step.states[s][b * step.H + j];
    for (int sum = 0; sum < Cell::kSums; ++sum)  // behind the gates: what has none
      in.bias[sum] = sum < Cell::kGates ? step.biasOf(sum, j) : 0.0f;
    in.update =
        step.zoneout != nullptr ? step.zoneout[(b * step.T + step.at) * step.H + j] : step.update;
    return in;
  }

  // sums: of each gate, kStride from one to the next.
  template <int kStride>
  __device__ void finish(int64_t b, int32_t j, const float* sums, Inputs in) const {
    float* row = step.row(b, j);
    if (step.keeps)
      for (int s = 0; s < Cell::kStates; ++s)
        row[static_cast<int64_t>(s - Cell::kStates) * step.H] = in.states[s];
    float extra[Cell::kExtra + 1] = {};
    if (in.valid) {
      const float before = in.states[0];
      float recurrent[Cell::kSums];
      for (int sum = 0; sum < Cell::kSums; ++sum)
        recurrent[sum] = sums[sum * kStride] + in.bias[sum];
      Cell::step(step.options, recurrent, in.states, in.gates, extra);
      if (in.update != 1) in.states[0] = before + in.update * (in.states[0] - before);
      for (int s = 0; s < Cell::kStates; ++s) step.states[s][b * step.H + j] = in.states[s];
      if (step.keeps)
        for (int gate = 0; gate < Cell::kGates; ++gate)
          row[static_cast<int64_t>(gate) * step.H] = in.gates[gate];
    }
    // Also where nothing else is kept: a product of all steps takes a zero in masked ones.
    if (step.keeps && Cell::kExtra > 0) row[static_cast<int64_t>(Cell::kGates) * step.H] = extra[0];
    for (int gate = 0; gate < step.operandPlanes; ++gate)
      next.put(b, gate, j, in.states[0] * step.stateMask(b, gate, j));
    step.putOut(b, j, in.valid, in.states[0]);
  }
};

// The first kernel of a step where r h meets the candidate's columns: z and r, in place of their
// sums, and r h.
template <class Cell, class Format>
struct ResetTail {
  ForwardStep step;
  StepOperand<Format> next;  // r h

  struct Inputs {
    int32_t valid;
    float state, gates[2];
  };

  __device__ Inputs load(int64_t b, int32_t j) const {
    const float* row = step.row(b, j);
    return {step.valid(b), step.states[0][b * step.H + j], {row[0], row[step.H]}};
  }

  template <int kStride>
  __device__ void finish(int64_t b, int32_t j, const float* sums, Inputs in) const {
    if (!in.valid) return next.put(b, 0, j, 0);
    float* row = step.row(b, j);
    const CellActivation& activation = step.options.recurrentActivation;
    row[0] = step.options.gate(activation, in.gates[0] + sums[0]);
    const float r = step.options.gate(activation, in.gates[1] + sums[kStride]);
    row[step.H] = r;
    next.put(b, 0, j, r * in.state * step.stateMask(b, 2, j));
  }
};

}  // namespace sluice::cuda
