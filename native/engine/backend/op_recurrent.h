// The operations of recurrent layers: their arguments, as op.h has them for the others.
#pragma once

#include <cstdint>

#include "engine/backend/activation.h"

namespace sluice {

// How a kernel keeps weight matrices. All but Float32 are for streams in inference: one step, no
// mask, nothing kept for backward. Float16 and BFloat16 are rounded to nearest, even where halfway;
// Int8 has one scale a column. Biases and states stay float32, and so does what is added up, except
// that with Int8 kernels may round the activations that meet the weights to 16 bits.
enum class WeightsType : int32_t { Float32, Float16, BFloat16, Int8 };

// One direction of a recurrence over a whole sequence: Gru, Lstm, SimpleRnn, whose arguments are
// the same. Equations in docs/semantics.md; the columns of kernels and biases are G gates of H
// each:
//   Gru        z r h    states h
//   Lstm       i f c o  states h, c
//   SimpleRnn  one      states h
// A step where mask is 0 keeps the states; its output is zero, or with repeatMasked the output of
// the previously processed step (zero before the first valid one). The values of x there are finite
// (the engine zeroes them) but must not influence anything. `reverse` walks from the last step to
// the first and writes each output at its own step.
struct RecurrentAttributes {
  ActivationSpec activation;           // of the candidate, of c, of the state
  ActivationSpec recurrentActivation;  // of the gates
  int32_t resetAfter = 1;  // Gru: n = act(xW + b0 + r*(hR + b1)), else n = act(xW + b + (r*h)R)
  int32_t replace = 0;     // Gru: h' = (1-z)h + zn, else h' = zh + (1-z)n
  int32_t reverse = 0;
  int32_t repeatMasked = 0;
  int32_t gateMasks = 0;  // 1 where kInputMasks are there, plus 2 where kStateMasks are
  double zoneout = 0;  // h' = (1-k)h + k(new h), k being kZoneout, or 1-zoneout where it is absent
  int32_t recompute = 0;  // training: keep the states alone and compute the gates again in backward
  WeightsType weights = WeightsType::Float32;  // of kernel and recurrent kernel; Gru alone
  double clip = 0;        // > 0: the sums of the gates are kept within -clip and clip
  int32_t layerNorm = 0;  // 1 where kGamma is there
  double epsilon = 0;     // of the layer norm
};
namespace recurrent {
enum In {
  kX,                // [B,T,I]
  kKernel,           // [I,GH]
  kRecurrentKernel,  // [H,GH]
  kBias,             // [GH], Gru with resetAfter [2,3H]; optional
  kMask,             // Bool [B,T]; optional
  kInitialState,     // [B,H]; optional, zeros
  kInitialCell,      // likewise, of c
  kInputMasks,       // [B,GI], what x is multiplied with before it meets the columns of each gate;
  kStateMasks,       // [B,GH], likewise h (or r h); both optional. The h that z keeps has no mask
  kZoneout,          // [B,T,H], 1 where a unit is updated, else 0; optional
  kGamma,      // [2,GH], optional: x W and h R, all columns of a row together, are normalized and
               // multiplied with its rows before biases are added; Gru with resetAfter
  kCellGamma,  // [H], Lstm, with kGamma: likewise c where h = o act(c) takes it,
  kCellBeta,   // [H], and what is added
  kInCount
};
enum Out {
  kSequence,    // [B,T,H], optional
  kFinalState,  // [B,H], always present
  kReserve,     // opaque bytes, present in training: what backward needs (states, gates); layout is
                // the backend's own, size from Kernel::reserveBytes
  kFinalCell,   // [B,H], present where there is a c
  kOutCount
};
}  // namespace recurrent
namespace recurrentBackward {  // attributes: those of the forward call
enum In {
  kX,
  kKernel,
  kRecurrentKernel,
  kBias,
  kMask,
  kInitialState,
  kInitialCell,
  kInputMasks,
  kStateMasks,
  kZoneout,
  kGamma,
  kCellGamma,
  kCellBeta,
  kReserve,
  kDSequence,    // [B,T,H], optional; its values at masked steps count only with repeatMasked
  kDFinalState,  // [B,H], optional
  kDFinalCell,   // likewise
  kInCount
};
enum Out {
  kDx,                // optional; zero at masked steps
  kDKernel,           // optional (frozen layers): the three come and go together
  kDRecurrentKernel,  //
  kDBias,             // absent also where there is no bias
  kDInitialState,     // optional
  kDInitialCell,      // optional
  kDGamma,            // these as dKernel
  kDCellGamma,
  kDCellBeta,
  kOutCount
};
}  // namespace recurrentBackward

// The recurrence of a minGRU (arXiv 2410.01201), whose gates do not depend on the state: of the
// sums gates = x W + b, computed before, h' = (1-z)h + z act(candidate), z being the sigmoid.
// Attributes: RecurrentAttributes, of which activation, reverse and repeatMasked count; masks as
// there.
namespace minGru {
enum In { kGates /*[B,T,2H]: z, candidate*/, kMask, kInitialState /*optional*/, kInCount };
enum Out {
  kSequence,    // [B,T,H], optional
  kFinalState,  // [B,H]
  kStates,      // [B,T,H], present in training: the state after each step
  kOutCount
};
}  // namespace minGru
namespace minGruBackward {
enum In { kGates, kMask, kInitialState, kStates, kDSequence, kDFinalState, kInCount };
enum Out { kDGates /*zero at masked steps*/, kDInitialState /*optional*/, kOutCount };
}  // namespace minGruBackward

}  // namespace sluice
