// dh += dG R^T: what the state before a step gets through the recurrent product, dG being the gate
// gradients that meet R.
#pragma once

#include "cpu/gemm.h"
#include "cpu/recurrent_grid.h"
#include "cpu/recurrent_masks.h"

namespace sluice::cpu {

class RecurrentStateGradients {
 public:
  // packed: the backward pass's; dh: [B][states][P], dq: [B,P] without resetAfter, masked: [B,P]
  // with masks of the gates, by position.
  RecurrentStateGradients(const RecurrentExtents& e, const RecurrentAttributes& attributes,
                          const RecurrentMasks& masks, const float* packed, float* dh, float* dq,
                          float* masked)
      : e_(e),
        masks_(masks),
        resetsBefore_(e.cell->resetsBefore(attributes)),
        layout_(e, attributes),
        packed_(packed),
        dh_(dh),
        dq_(dq),
        masked_(masked) {}

  // A GRU whose candidate meets r h: dq = dn R_h^T, which its resetGradients takes on from there.
  // For the first `active` rows of a share; `planes`: the gate gradients of the first of them.
  void throughCandidate(const RecurrentShare& share, const float* planes, int64_t active) const;
  // Everything else.
  void add(const RecurrentShare& share, const float* planes, int64_t active) const;

 private:
  void addMasked(const RecurrentShare& share, const float* planes, int64_t active) const;
  // masked = one plane times one gate of R, transposed.
  void multiplyGate(const RecurrentShare& share, const float* planes, int64_t active, int64_t gate,
                    int64_t plane) const;
  Product product(const RecurrentShare& share, const float* planes, int64_t active) const;

  float* dh(int64_t position) const { return dh_ + position * e_.state(); }
  float* dq(int64_t position) const { return dq_ + position * e_.P; }
  float* masked(int64_t position) const { return masked_ + position * e_.P; }

  const RecurrentExtents& e_;
  const RecurrentMasks& masks_;
  const bool resetsBefore_;
  const RecurrentPackedBackward layout_;
  const float* packed_;
  float* dh_;
  float* dq_;
  float* masked_;
};

}  // namespace sluice::cpu
