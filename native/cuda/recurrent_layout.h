// The extents of a call, the order of its steps, and where its kernels keep things.
#pragma once

#include <algorithm>

#include "cuda/recurrent_cell.h"
#include "cuda/recurrent_pack.h"

namespace sluice::cuda {

// The same inputs stand first in the forward and the backward call.
struct RecurrentExtents {
  explicit RecurrentExtents(const OpCall& call);

  const RecurrentCell* cell;
  int64_t B, T, I, H;
  Precision precision;
  bool masked, reverse;
  bool lowMemory;

  int64_t columns() const { return cell->gates * H; }
  int64_t savedRow() const { return cell->saved() * H; }
  int64_t gradientRow() const { return cell->gradients * H; }
  int64_t position(int64_t turn) const { return reverse ? T - 1 - turn : turn; }
  int32_t plane() const { return static_cast<int32_t>(operandPlane(H, precision)); }
  StepTile tile(int gates) const { return chooseStepTile({B, H, gates, precision}); }

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

// Pieces of scratch memory, one behind the other.
class ScratchPlan {
 public:
  size_t take(size_t bytes) {
    const size_t at = bytes_;
    bytes_ += (bytes + 63) / 64 * 64;
    return at;
  }
  size_t floats(int64_t count) { return take(static_cast<size_t>(count) * sizeof(float)); }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
};

// Steps begin to begin + steps of rows [B,T] of `ld` floats, to or from [B,steps,width]. `masked`:
// zeros where the mask is 0, whatever stands there.
int32_t gatherSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                    const float* from, int64_t ld, int64_t width, const uint8_t* mask,
                    float* to) noexcept;
int32_t scatterSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                     const float* from, int64_t width, float* to) noexcept;

CellOptions cellOptions(const RecurrentAttributes& attributes) noexcept;
// Of the state to the new one, where no mask says it.
inline float updateFactor(const RecurrentAttributes& attributes) {
  return attributes.zoneout > 0 ? static_cast<float>(1 - attributes.zoneout) : 1.0f;
}

}  // namespace sluice::cuda
