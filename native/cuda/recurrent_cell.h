// What the passes over a sequence ask of a kind of cell; everything else about a recurrence is the
// same for all. A new cell is a table of this kind, in a file that makes its kernels.
#pragma once

#include "cuda/device/recurrent_backward.h"
#include "cuda/recurrent_step.h"

namespace sluice::cuda {

// Gates that meet the same thing on their way to h R + c: plane `met` of what is saved of a step.
struct StatePart {
  int firstGate = 0, gates = 0;
  int gradient = 0;  // the first of their planes of gate gradients
  int met = 0;
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
  // Where a candidate waits for r: the kernel before forward, which takes the other gates, and the
  // one behind backward.
  Forward forwardReset = nullptr;
  Backward backwardReset = nullptr;

  int saved() const { return states + gates + extra; }
  bool resetsBefore() const { return forwardReset != nullptr; }
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
  cell.parts[0] = {0, Cell::kGates, 0, 0};
  return cell;
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

}  // namespace sluice::cuda
