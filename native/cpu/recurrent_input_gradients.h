// dx = dG W^T, dG being the gate gradients that meet the kernel.
#pragma once

#include "cpu/gemm.h"
#include "cpu/recurrent_grid.h"
#include "cpu/recurrent_masks.h"

namespace sluice::cpu {

class RecurrentInputGradients {
 public:
  static int64_t scratchFloats(const RecurrentExtents& e) {
    return e.masked || e.inputMasks ? roundUp(e.B * e.I, kMaxLanes) : 0;
  }

  // kernel: the packed transpose of W; dx: [B,T,I], null where it is not wanted.
  RecurrentInputGradients(const RecurrentExtents& e, const RecurrentSchedule& schedule,
                          const RecurrentMasks& masks, const float* kernel, float* dx,
                          float* scratch)
      : e_(e), schedule_(schedule), masks_(masks), kernel_(kernel), dx_(dx), scratch_(scratch) {}

  bool wanted() const { return dx_ != nullptr; }
  // Whether add() takes one turn at a time: with a mask the steps of one stand anywhere.
  bool byTurn() const { return schedule_.masked() || e_.inputMasks; }
  const float* dx() const { return dx_; }
  // Zeros at the masked steps of a member's rows.
  void clearMasked(const RecurrentShare& share) const;
  // A member's part of some turns, from their gate gradients, rows of planes by turn and
  // position.
  void add(const RecurrentShare& share, int64_t turn, int64_t turns, const float* gradients) const;

 private:
  void scatter(Product product, const RecurrentShare& share, int64_t turn) const;
  void addMasked(Product product, const RecurrentShare& share, int64_t turn) const;

  const RecurrentExtents& e_;
  const RecurrentSchedule& schedule_;
  const RecurrentMasks& masks_;
  const float* kernel_;
  float* dx_;
  float* scratch_;  // [B,I], by turn
};

}  // namespace sluice::cpu
