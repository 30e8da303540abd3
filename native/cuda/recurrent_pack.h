// The recurrent kernel in the form that steps read, and what moves rows into it: made once a call.
#pragma once

#include "cuda/recurrent_tiles.h"

namespace sluice::cuda {

// The columns of a step's product: gates `first` on of the recurrent kernel [H, allGates H].
// Forward its own columns, `count` a unit; back those of its transpose, a plane of depth a gate.
// Apart: each gate with a column a unit and a plane of depth of its own, zeros elsewhere, for gates
// whose rows differ.
struct StepColumns {
  int64_t H = 0;
  int allGates = 0, first = 0, count = 0;
  bool back = false;
  bool apart = false;
  bool flat = false;  // the columns of the gates one behind the other: each is a unit

  int sums() const { return back && !apart ? 1 : count; }  // of a unit of H
  int gates() const { return flat ? 1 : sums(); }          // columns a unit
  int64_t units() const { return flat ? sums() * H : H; }
  int planes() const { return back || apart ? count : 1; }
  int64_t depth(Precision precision) const { return planes() * operandPlane(H, precision); }
};

size_t packedBytes(const StepColumns& columns, StepTile tile, Precision precision) noexcept;
int32_t packColumns(const OpCall& call, const StepColumns& columns, StepTile tile,
                    const float* recurrentKernel, void* packed) noexcept;

// Values [B,H], null being zeros, to float32 `values` and, rounded, to `operand`: rows of `planes`
// planes, of which the first gets them, or with `masks` [B,maskRow] each what its [H] leaves of
// them. The rest is zeros.
struct OperandRows {
  int64_t B = 0, H = 0;
  int64_t planes = 1;
  const float* masks = nullptr;
  int64_t maskRow = 0;
};
int32_t setOperand(const OpCall& call, const OperandRows& rows, const float* from,
                   void* operand) noexcept;

}  // namespace sluice::cuda
