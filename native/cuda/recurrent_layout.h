// The extents of a call, the order of its steps, and where its kernels keep things.
#pragma once

#include <algorithm>

#include "cuda/recurrent_cell.h"
#include "cuda/recurrent_pack.h"
#include "cuda/scratch.h"

namespace sluice::cuda {

// The same inputs stand first in the forward and the backward call.
struct RecurrentExtents {
  explicit RecurrentExtents(const OpCall& call);

  const RecurrentCell* cell;
  int64_t B, T, I, H;
  Precision precision;
  bool masked, reverse;
  bool lowMemory;
  bool inputMasks, stateMasks;

  int64_t columns() const { return cell->gates * H; }
  int64_t savedRow() const { return cell->saved() * H; }
  int64_t gradientRow() const { return cell->gradients * H; }
  int64_t position(int64_t turn) const { return reverse ? T - 1 - turn : turn; }
  // Planes of operands: of h forward, and of gate gradients.
  int64_t statePlanes() const { return stateMasks ? forwardGates() : 1; }
  int forwardGates() const { return cell->resetsBefore() ? 2 : cell->gates; }  // that meet h
  int32_t plane() const { return static_cast<int32_t>(operandPlane(H, precision)); }
  StepTile tile(const StepColumns& columns) const {
    return columns.back && columns.apart && !columns.flat
               ? kMaskedTile
               : chooseStepTile({B, columns.units(), columns.gates(), precision});
  }
  // With layer norm there are factors behind what is saved of all steps.
  int64_t savedFactors() const { return B * T * savedRow(); }
  int64_t reserveFloats() const {
    return savedFactors() + (cell->norms() ? B * T * kNormFactors : 0);
  }

  // Columns of the recurrent kernel that forward and backward multiply with, and those of the
  // second kernel of a step where there is one.
  StepColumns forwardColumns() const;
  StepColumns forwardResetColumns() const;
  StepColumns backwardColumns() const;
  StepColumns backwardResetColumns() const;

  // So many steps of all rows are worked on at once where that takes `floats` a step and row.
  int64_t chunkSteps(int64_t floats) const;
};

// What forward, backward and those who describe them cannot do; null: everything is there.
const char* recurrentWhyNot(const OpCall& call) noexcept;

// Turns from `first` on, and the steps of all rows that they are.
struct StepChunk {
  StepChunk(const RecurrentExtents& e, int64_t first, int64_t most)
      : firstTurn(first),
        turns(std::min(most, e.T - first)),
        begin(e.reverse ? e.T - first - turns : first) {}
  int64_t firstTurn, turns, begin;
};

// Rows [B,T] of `ld` floats, of which the first `width` count.
struct StepRows {
  int64_t width = 0, ld = 0;
  const uint8_t* mask = nullptr;   // zeros where it is 0, whatever stands there
  const float* factors = nullptr;  // [width] for each of B rows, factorRow from one to the next
  int64_t factorRow = 0;
};
// A chunk's steps of such rows to [B,turns,width], and from there; `add`: added to what is there.
int32_t gatherSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                    const StepRows& rows, const float* from, float* to) noexcept;
int32_t scatterSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                     const StepRows& rows, const float* from, float* to, bool add) noexcept;

CellOptions cellOptions(const RecurrentAttributes& attributes) noexcept;
// Of the state to the new one, where no mask says it.
inline float updateFactor(const RecurrentAttributes& attributes) {
  return attributes.zoneout > 0 ? static_cast<float>(1 - attributes.zoneout) : 1.0f;
}

}  // namespace sluice::cuda
