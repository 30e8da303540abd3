// What the passes over a sequence ask of a kind of cell; everything else about a recurrence is the
// same for all. A new cell is a table of this kind, in a file that makes its kernels.
#pragma once

#include "cuda/device/recurrent_norm.h"
#include "cuda/groups.h"
#include "cuda/recurrent_step.h"

namespace sluice::cuda {

// Gates that meet the same thing on their way to h R + c: plane `met` of what is saved of a step.
struct StatePart {
  int firstGate = 0, gates = 0;
  int gradient = 0;  // the first of their planes of gate gradients: of h R
  int met = 0;
  int sum = 0;  // as gradient, of h R + c: the same but for layer norm
};

struct RecurrentCell {
  const char* name = nullptr;
  int states = 0, gates = 0, extra = 0;  // planes that are saved of a step, in this order
  int gradients = 0;                     // planes; the first `gates` are of x W + b
  StatePart parts[2];
  int partCount = 1;

  using Forward = int32_t (*)(const OpCall&, StepTile, const StepOperands&, const ForwardStep&);
  using Backward = int32_t (*)(const OpCall&, StepTile, const StepOperands&, const BackwardStep&);
  Forward forward = nullptr;
  Backward backward = nullptr;
  Backward backwardMasked = nullptr;  // where each gate has a mask; for tiles of some rows alone
  // With layer norm these two follow a product that leaves its sums, in place of the kernels above.
  using ForwardRows = int32_t (*)(const OpCall&, const StepOperands&, const ForwardStep&,
                                  const ForwardNorm&);
  using BackwardRows = int32_t (*)(const OpCall&, const StepOperands&, const BackwardStep&,
                                   const BackwardNorm&);
  ForwardRows forwardRows = nullptr;
  BackwardRows backwardRows = nullptr;
  int hats = 0;  // the first plane, among the extra ones, of what has been normalised
  // Where a candidate waits for r: the kernel before forward, which takes the other gates, and the
  // one behind backward.
  Forward forwardReset = nullptr;
  Backward backwardReset = nullptr;

  int saved() const { return states + gates + extra; }
  bool resetsBefore() const { return forwardReset != nullptr; }
  bool norms() const { return forwardRows != nullptr; }
};

// What a cell's table says of its structure.
template <class Cell>
constexpr RecurrentCell cellOf(const char* name) {
  RecurrentCell cell;
  cell.name = name;
  cell.states = Cell::kStates;
  cell.gates = Cell::kGates;
  cell.extra = Cell::kExtra;
  cell.gradients = Cell::kGradients;
  cell.parts[0] = {0, Cell::kGates, 0, 0, 0};
  return cell;
}

constexpr int kRowsAtOnce = 2;  // rows, or groups of them, that a multiprocessor is to hold
template <class Tail, class Norm>
struct FinishRow {
  Tail tail;
  Norm norm;
  __device__ void operator()(const Team& team, int64_t b, int64_t units) const {
    finishRow(team, b, units, tail, norm);
  }
};
template <template <class, class> class Tail, class Cell, class Step, class Norm>
int32_t launchRows(const OpCall& call, const StepOperands& operands, const Step& step,
                   const Norm& norm) noexcept {
  Groups rows(operands.count, step.H, false);
  rows.shape.allWarps = step.H > 4 * kTeamLanes;  // steps wait for each other
  return withFormat(call.context->precision, [&](auto format) {
    using Format = decltype(format);
    using RowTail = Tail<Cell, Format>;
    return forEachGroup<kRowsAtOnce>(
        call, rows, FinishRow<RowTail, Norm>{RowTail{step, nextOperand<Format>(operands)}, norm});
  });
}

// With masks the one kernel of the way back that is made for each format: it is for training with
// dropout in the cell, and sums are the same in all tiles.
constexpr StepTile kMaskedTile = StepTile::Some;
template <class Cell, int kGates>
int32_t launchMasked(const OpCall& call, StepTile, const StepOperands& operands,
                     const BackwardStep& step) noexcept {
  return withFormat(call.context->precision, [&](auto format) {
    using Tile = typename StepTiles<decltype(format), kGates, kMaskedTile>::Type;
    return launchTile<BackwardTail, MaskedCell<Cell, kGates>>(call, Tile(), operands, step);
  });
}

const RecurrentCell& gruCell() noexcept;
const RecurrentCell& resetBeforeCell() noexcept;
const RecurrentCell& lstmCell() noexcept;
const RecurrentCell& simpleRnnCell() noexcept;
// The same with layer norm; a GRU's r multiplies behind it.
const RecurrentCell& gruNormCell() noexcept;
const RecurrentCell& lstmNormCell() noexcept;
const RecurrentCell& simpleRnnNormCell() noexcept;

}  // namespace sluice::cuda
