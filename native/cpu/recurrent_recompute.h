// The gates of a few turns, computed again from the states: what a forward pass that kept the
// states alone did not save. The same kernels on the same values: the same bits.
#pragma once

#include "cpu/recurrent_grid.h"
#include "cpu/recurrent_input.h"
#include "cpu/recurrent_step.h"

namespace sluice::cpu {

class RecurrentRecompute {
 public:
  // Whether there is anything to compute: a cell may save nothing.
  static bool recomputes(const RecurrentExtents& e, const RecurrentAttributes& attributes) {
    return attributes.recompute != 0 && e.savedRow() > 0;
  }
  static int64_t scratchFloats(const RecurrentExtents& e, const RecurrentAttributes& attributes);

  // packed: the forward pass's; reserve: its states.
  RecurrentRecompute(const RecurrentExtents& e, const RecurrentAttributes& attributes,
                     const RecurrentSchedule& schedule, const RecurrentMasks& masks, const float* x,
                     const float* packed, const float* reserve, float* scratch);

  // For a member's rows and units. Turns come in falling order, each of them once.
  void run(const RecurrentMember& member, int64_t turn) const;
  // What forward saves of the turn that run() has last been called with.
  const float* saved(int64_t turn, int64_t position) const {
    return saved_ + (turn % turns_ * e_.B + position) * e_.savedRow();
  }

 private:
  const RecurrentExtents& e_;
  const RecurrentSchedule& schedule_;
  const RecurrentReserve reserveLayout_;
  const RecurrentInput input_;
  const RecurrentStep step_;
  const int64_t turns_;  // computed in one go
  const float* packed_;
  const float* reserve_;
  float* projection_;  // [turns][B][gates][P]
  float* saved_;       // [turns][B][savedRow]
  float* gathered_;    // [turns][B][I], with a mask
  float* next_;        // [B][states][P]: states that are there already
  float* q_;           // [B][work] of RecurrentStep
  float* masked_;      // [B,P], with masks of the gates
};

}  // namespace sluice::cpu
