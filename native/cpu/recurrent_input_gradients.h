// dx = [dz dr dn] W^T.
#pragma once

#include "cpu/gemm.h"
#include "cpu/gru_grid.h"

namespace sluice::cpu {

class GruInputGradients {
 public:
  static int64_t scratchFloats(const GruExtents& e) {
    return e.masked ? roundUp(e.B * e.I, kMaxLanes) : 0;
  }

  // kernel: the packed transpose of W; dx: [B,T,I], null where it is not wanted.
  GruInputGradients(const GruExtents& e, const GruSchedule& schedule, const float* kernel,
                    float* dx, float* scratch)
      : e_(e), schedule_(schedule), kernel_(kernel), dx_(dx), scratch_(scratch) {}

  bool wanted() const { return dx_ != nullptr; }
  const float* dx() const { return dx_; }
  // Zeros at the masked steps of a member's rows.
  void clearMasked(const GruShare& share) const;
  // A member's part of some turns, from their gate gradients, rows [dq dz dr dn][P] by turn and
  // position. With a mask turn by turn, as the steps of one stand anywhere.
  void add(const GruShare& share, int64_t turn, int64_t turns, const float* gradients) const;

 private:
  void scatter(Product product, const GruShare& share, int64_t turn) const;

  const GruExtents& e_;
  const GruSchedule& schedule_;
  const float* kernel_;
  float* dx_;
  float* scratch_;  // [B,I], with a mask
};

}  // namespace sluice::cpu
