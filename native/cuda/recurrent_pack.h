// The recurrent kernel in the form that steps read, and what moves rows into it: made once a call.
#pragma once

#include "cuda/recurrent_tiles.h"

namespace sluice::cuda {

// The columns of a step's product: gates `first` on of the recurrent kernel [H, allGates H].
// Forward its own columns, `count` a unit; back those of its transpose, a plane of depth a gate.
struct StepColumns {
  int64_t H = 0;
  int allGates = 0, first = 0, count = 0;
  bool back = false;

  int gates() const { return back ? 1 : count; }  // columns a unit
  int planes() const { return back ? count : 1; }
  int64_t depth(Precision precision) const { return planes() * operandPlane(H, precision); }
};

size_t packedBytes(const StepColumns& columns, StepTile tile, Precision precision) noexcept;
int32_t packColumns(const OpCall& call, const StepColumns& columns, StepTile tile,
                    const float* recurrentKernel, void* packed) noexcept;

// to[b][plane] = round(from[b]) for [B,H] values, null being zeros; the rest of B rows of `ld`
// elements becomes zero. Likewise values[b], in float32; either may be null.
int32_t setOperand(const OpCall& call, const float* from, int64_t B, int64_t H, int64_t ld,
                   void* to, float* values) noexcept;

}  // namespace sluice::cuda
