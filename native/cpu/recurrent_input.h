// The input projection x W + b of some rows for a number of turns; b is added later where it is
// normalized (recurrent_norm.h).
#pragma once

#include "cpu/gemm.h"
#include "cpu/recurrent_masks.h"

namespace sluice::cpu {

class RecurrentInput {
 public:
  // Turns whose projection has about so many floats; from the shape alone because scratch depends
  // on it.
  static int64_t turns(const RecurrentExtents& e, int64_t floats) {
    return std::clamp<int64_t>(floats / std::max<int64_t>(e.B * e.columns(), 1), 1,
                               std::max<int64_t>(e.T, 1));
  }
  // Floats of `gathered` for all rows.
  static int64_t gatheredFloats(const RecurrentExtents& e, int64_t turns) {
    return e.masked || e.inputMasks ? roundUp(turns * e.B * e.I, kMaxLanes) : 0;
  }

  RecurrentInput(const RecurrentExtents& e, const RecurrentSchedule& schedule,
                 const RecurrentMasks& masks, const float* x, const float* packed)
      : e_(e), schedule_(schedule), masks_(masks), layout_(e), x_(x), packed_(packed) {}

  // Whether project() multiplies what gather() has put together.
  bool gathers() const { return schedule_.masked() && !e_.inputMasks; }
  void gather(const RecurrentRows& rows, int64_t turn, int64_t turns, float* gathered) const;
  // Turn after turn the rows that are active in it, [gates][P] each, the blocks of units from begin
  // to end alone where the gates are fused.
  void project(const RecurrentRows& rows, int64_t turn, int64_t turns, float* gathered,
               int64_t blockBegin, int64_t blockEnd, float* projection) const;

 private:
  // Gate by gate, as each has a mask of its own.
  void projectMasked(const RecurrentRows& rows, int64_t turn, int64_t turns, Product product,
                     float* gathered) const;

  const RecurrentExtents& e_;
  const RecurrentSchedule& schedule_;
  const RecurrentMasks& masks_;
  const RecurrentPacked layout_;
  const float* x_;
  const float* packed_;
};

}  // namespace sluice::cpu
