// Where the kernels of a recurrence keep things: padded extents, packed parameters and the reserve,
// which the training forward fills and backward reads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/recurrent_cell.h"
#include "cpu/tile.h"
#include "engine/backend/op.h"

namespace sluice::cpu {

// Units are padded to whole vectors (P of them); what stands in the padding is zero.
struct RecurrentExtents {
  const RecurrentCell* cell;
  int64_t B, T, I, H;
  int64_t lanes;
  int64_t P;
  int64_t blocks;  // vectors of units
  bool masked;
  bool inputMasks, stateMasks;  // gate by gate (recurrent_masks.h)
  int64_t saved;                // planes that the cell saves of a step
  bool normalized;              // recurrent_norm.h
  int64_t gradients;            // planes of a row of gate gradients
  int64_t ownGradients;         // the first of those that the cell writes
  int64_t inputPlane;           // the first of those that meet the kernel

  int64_t columns() const { return cell->gates * P; }  // of the packed kernel
  int64_t state() const { return cell->states * P; }   // floats of a row of states
  // Floats of a row of what is saved, and where what the norm saves begins in it: the normalized
  // planes, and their factors.
  int64_t savedRow() const { return normalized ? factors() + roundUp(3, lanes) : saved * P; }
  int64_t hats() const { return saved * P; }
  int64_t factors() const { return hats() + (2 * cell->gates + cell->states - 1) * P; }
  int64_t cellHats() const { return hats() + 2 * columns(); }
  // Floats of a row in which a step works on h R.
  int64_t work() const { return normalized ? columns() : P; }
};

// The same inputs stand first in the forward and the backward call.
inline RecurrentExtents recurrentExtents(const OpCall& call) {
  const Shape& x = call.in[recurrent::kX].shape;
  RecurrentExtents e{};
  e.cell = &recurrentCell(call.op);
  e.B = x[0];
  e.T = x[1];
  e.I = x[2];
  e.H = call.in[recurrent::kRecurrentKernel].shape[0];
  e.lanes = tileKernels().lanes;
  e.P = roundUp(e.H, e.lanes);
  e.blocks = e.P / e.lanes;
  e.masked = call.in[recurrent::kMask].present();
  e.inputMasks = call.in[recurrent::kInputMasks].present();
  e.stateMasks = call.in[recurrent::kStateMasks].present();
  // Where a cell takes its gradients from its new state, zoneout makes it keep that.
  const bool zonesOut = call.attr<RecurrentAttributes>().zoneout > 0;
  e.saved = e.cell->saved + (zonesOut && e.cell->saved == 0 ? 1 : 0);
  e.normalized = call.attr<RecurrentAttributes>().layerNorm != 0;
  e.gradients = e.cell->gradients;
  e.inputPlane = e.cell->inputPlane;
  if (e.normalized) {
    e.inputPlane = e.cell->gates;
    e.ownGradients = 2 * e.cell->gates;
    e.gradients += 4 * e.cell->gates + 2 * (e.cell->states - 1);
  }
  return e;
}

// The norm's parameters in planes, offsets in floats.
struct RecurrentPackedNorm {
  int64_t gamma = 0;      // [2][gates][P]
  int64_t cellGamma = 0;  // LSTM: [P]
  int64_t cellBeta = 0;
  int64_t size = 0;

  explicit RecurrentPackedNorm(const RecurrentExtents& e) {
    if (!e.normalized) return;
    cellGamma = 2 * e.columns();
    cellBeta = cellGamma + e.P;
    size = cellBeta + e.P;
  }
};

// Offsets in floats. Fused: kernel and recurrent have the columns [block][gates][lanes]. Else
// kernel has [gates][P], and so has recurrent; but a GRU's candidate comes after the other two, [H,
// P].
struct RecurrentPacked {
  int64_t bias = 0;           // in the column order of the kernel: all that does not meet r
  int64_t candidateBias = 0;  // GRU: [P], what r multiplies, with resetAfter
  int64_t kernel = 0;
  int64_t recurrent = 0;
  int64_t candidate = 0;  // the second part of recurrent
  int64_t norm = 0;       // RecurrentPackedNorm
  int64_t size = 0;

  explicit RecurrentPacked(const RecurrentExtents& e) {
    const bool waits = e.cell->candidateWaits();
    candidateBias = bias + e.columns();
    kernel = candidateBias + (waits ? e.P : 0);
    recurrent = kernel + e.I * e.columns();
    norm = recurrent + e.H * e.columns();
    candidate = norm - (waits ? e.H * e.P : 0);
    size = norm + RecurrentPackedNorm(e).size;
  }
};

// The weights of backward are the transposed ones: k runs over planes of a row of gate gradients.
// With masks of the gates each of these is a matrix of its own.
struct RecurrentPackedBackward {
  int64_t kernel = 0;     // [gates P, I]
  int64_t recurrent = 0;  // [gates P, P]; GRU without resetAfter [2P of dz dr, P]
  int64_t candidate = 0;  // and [P of dn, P]
  int64_t norm = 0;       // RecurrentPackedNorm
  int64_t forward = 0;    // with recompute: RecurrentPacked
  int64_t size = 0;

  RecurrentPackedBackward(const RecurrentExtents& e, const RecurrentAttributes& attributes) {
    recurrent = kernel + e.columns() * roundUp(e.I, e.lanes);
    norm = recurrent + e.columns() * e.P;
    candidate = norm - e.P * e.P;
    forward = norm + RecurrentPackedNorm(e).size;
    size = forward + (attributes.recompute ? RecurrentPacked(e).size : 0);
  }
  // Of one gate, with masks.
  int64_t kernelOf(const RecurrentExtents& e, int64_t gate) const {
    return kernel + gate * e.P * roundUp(e.I, e.lanes);
  }
  int64_t recurrentOf(const RecurrentExtents& e, int64_t gate) const {
    return recurrent + gate * e.P * e.P;
  }
};

// By turn and position (recurrent_schedule.h); the positions of one turn lie together.
struct RecurrentReserve {
  int64_t B, state, saved;
  int64_t gates;  // offset of what is saved, [T][B][savedRow]; with `recompute` nothing is
  int64_t size;

  RecurrentReserve(const RecurrentExtents& e, const RecurrentAttributes& attributes)
      : B(e.B), state(e.state()), saved(e.savedRow()) {
    gates = (e.T + 1) * e.B * state;
    size = gates + (attributes.recompute ? 0 : e.T * e.B * saved);
  }
  // The states before a turn, or after the last one.
  int64_t stateAt(int64_t turn, int64_t position) const { return (turn * B + position) * state; }
  int64_t gatesAt(int64_t turn, int64_t position) const {
    return gates + (turn * B + position) * saved;
  }
};

// Kernel::packedBytes and Kernel::pack of the two kernels (recurrent_pack.cc).
size_t recurrentPackedBytes(const OpCall& call) noexcept;
void recurrentPack(const OpCall& call, void* packed) noexcept;
int32_t recurrentPackedForm(const OpCall& call) noexcept;  // the type of the weights, masks
size_t recurrentPackedBackwardBytes(const OpCall& call) noexcept;
void recurrentPackBackward(const OpCall& call, void* packed) noexcept;

}  // namespace sluice::cpu
