// The gates of a few turns, computed again from the states: what a forward pass that kept the
// states alone did not save. The same kernels on the same values: the same bits.
#pragma once

#include "cpu/gru_grid.h"
#include "cpu/gru_input.h"
#include "cpu/gru_step.h"

namespace sluice::cpu {

class GruRecompute {
 public:
  static int64_t scratchFloats(const GruExtents& e, const GruAttributes& attributes);

  // packed: the forward pass's; reserve: its states.
  GruRecompute(const GruExtents& e, const GruAttributes& attributes, const GruSchedule& schedule,
               const float* x, const float* packed, const float* reserve, float* scratch);

  // For a member's rows and units. Turns come in falling order, each of them once.
  void run(const GruMember& member, int64_t turn) const;
  // Planes z, r, n, q of the turn that run() has last been called with.
  const float* saved(int64_t turn, int64_t position) const {
    return saved_ + (turn % turns_ * e_.B + position) * GruReserve::kPlanes * e_.P;
  }

 private:
  const GruExtents& e_;
  const GruSchedule& schedule_;
  const GruReserve reserveLayout_;
  const GruInput input_;
  const GruStep step_;
  const int64_t turns_;  // computed in one go
  const float* packed_;
  const float* reserve_;
  float* projection_;  // [turns][B][3P]
  float* saved_;       // [turns][B][4][P]
  float* gathered_;    // [turns][B][I], with a mask
  float* next_;        // [B,P]: states that are there already
  float* q_;           // [B,P], where the gates are not fused
};

}  // namespace sluice::cpu
