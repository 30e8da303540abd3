// Layer norm in a cell, but for what is done step by step (device/recurrent_norm.h): x W of all
// steps at once, and the gradients of its parameters.
#pragma once

#include "cuda/recurrent_layout.h"

namespace sluice::cuda {

// The product of a step, without what else there is of one.
int32_t leaveSums(const OpCall& call, StepTile tile, const StepOperands& operands,
                  const SumStep& step) noexcept;

// Rows of x W at `sums`, each `ld` behind the one before: without mean and deviation in place, with
// gamma and the bias of x W at `gates`, which may be the same place where there are no `factors`.
struct InputSums {
  int64_t rows = 0, ld = 0;
  float* sums = nullptr;
  float* gates = nullptr;
  float* factors = nullptr;  // kNormFactors a row, of which this is the first; null: inference
};
int32_t normalizeInput(const OpCall& call, const RecurrentExtents& e,
                       const InputSums& input) noexcept;

// Of a backward call: what forward saved.
const float* savedFactors(const OpCall& call, const RecurrentExtents& e) noexcept;

// Adds a chunk's part to the gradients of gamma, and of what c is multiplied with and moved by, or
// begins them.
size_t normGradientsScratchBytes(const RecurrentExtents& e, const StepChunk& chunk) noexcept;
int32_t addNormGradients(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                         const float* gradients, bool accumulate, void* scratch) noexcept;
// Then the chunk's gradients of x W + b become those of x W before its norm.
int32_t normalizeInputBackward(const OpCall& call, const RecurrentExtents& e,
                               const StepChunk& chunk, float* gradients) noexcept;

}  // namespace sluice::cuda
