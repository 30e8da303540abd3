// Where a GRU's kernels keep things: padded extents, packed parameters and the reserve, which the
// training forward fills and backward reads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/tile.h"
#include "engine/backend/op.h"

namespace sluice::cpu {

// Units are padded to whole vectors (P of them); what stands in the padding is zero.
struct GruExtents {
  int64_t B, T, I, H;
  int64_t lanes;
  int64_t P;
  int64_t blocks;  // vectors of units
  bool masked;
};

// The same inputs stand first in the forward and the backward call.
inline GruExtents gruExtents(const OpCall& call) {
  const Shape& x = call.in[gru::kX].shape;
  GruExtents e{};
  e.B = x[0];
  e.T = x[1];
  e.I = x[2];
  e.H = call.in[gru::kRecurrentKernel].shape[0];
  e.lanes = tileKernels().lanes;
  e.P = roundUp(e.H, e.lanes);
  e.blocks = e.P / e.lanes;
  e.masked = call.in[gru::kMask].present();
  return e;
}

// The default GRU computes its gates in the registers that hold the product: its packed columns put
// the three gates of the same units side by side. All others go plane by plane: z, r, candidate.
inline bool gruIsFused(const GruAttributes& attributes) {
  return attributes.resetAfter != 0 && attributes.activation.kind == ActivationKind::Tanh &&
         attributes.recurrentActivation.kind == ActivationKind::Sigmoid;
}

// Offsets in floats. Fused: kernel and recurrent have the columns [block][z r h][lanes]. Else
// kernel has [z r h][P], and recurrent is [H, 2P] for z and r followed by [H, P] for the candidate.
struct GruPacked {
  int64_t bias = 0;           // [3P] in the column order of the kernel: all that does not meet r
  int64_t candidateBias = 0;  // [P]: what r multiplies, with resetAfter
  int64_t kernel = 0;
  int64_t recurrent = 0;
  int64_t candidate = 0;  // the second part of recurrent
  int64_t size = 0;

  explicit GruPacked(const GruExtents& e) {
    candidateBias = bias + 3 * e.P;
    kernel = candidateBias + e.P;
    recurrent = kernel + e.I * 3 * e.P;
    candidate = recurrent + e.H * 2 * e.P;
    size = recurrent + e.H * 3 * e.P;
  }
};

// The weights of backward are the transposed ones; a row of gate gradients is [dq dz dr dn][P].
struct GruPackedBackward {
  int64_t kernel = 0;     // [3P of dz dr dn, I]
  int64_t recurrent = 0;  // with resetAfter [3P of dq dz dr, P], else [2P of dz dr, P]
  int64_t candidate = 0;  // without resetAfter: [P of dn, P]
  int64_t forward = 0;    // with recompute: GruPacked
  int64_t size = 0;

  GruPackedBackward(const GruExtents& e, const GruAttributes& attributes) {
    recurrent = kernel + 3 * e.P * roundUp(e.I, e.lanes);
    candidate = recurrent + 2 * e.P * e.P;
    forward = recurrent + 3 * e.P * e.P;
    size = forward + (attributes.recompute ? GruPacked(e).size : 0);
  }
};

// By turn and position (gru_schedule.h); the positions of one turn lie together.
struct GruReserve {
  static constexpr int64_t kPlanes = 4;  // z, r, n and q: h R + c of the candidate, or r h
  int64_t B, P;
  int64_t gates;  // offset of [T][B][4][P]; with `recompute` there are none
  int64_t size;

  GruReserve(const GruExtents& e, const GruAttributes& attributes) : B(e.B), P(e.P) {
    gates = (e.T + 1) * e.B * e.P;
    size = gates + (attributes.recompute ? 0 : e.T * e.B * kPlanes * e.P);
  }
  // The state before a turn, or after the last one.
  int64_t stateAt(int64_t turn, int64_t position) const { return (turn * B + position) * P; }
  int64_t gatesAt(int64_t turn, int64_t position) const {
    return gates + (turn * B + position) * kPlanes * P;
  }
};

// Kernel::packedBytes and Kernel::pack of the two kernels (gru_pack.cc).
size_t gruPackedBytes(const OpCall& call) noexcept;
void gruPack(const OpCall& call, void* packed) noexcept;
int32_t gruPackedForm(const OpCall& call) noexcept;  // the type of the weights
size_t gruPackedBackwardBytes(const OpCall& call) noexcept;
void gruPackBackward(const OpCall& call, void* packed) noexcept;

}  // namespace sluice::cpu
