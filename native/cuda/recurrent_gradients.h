// The gradients of x and of the weights, by products over all rows of a chunk of steps.
//
// A chunk is all of the sequence unless its gate gradients were very large. Its rows are [B,turns];
// x and the saved states lie in [B,T], so that parts of them are gathered: a product takes rows at
// one distance.
#pragma once

#include "cuda/gemm.h"
#include "cuda/recurrent_norm.h"

namespace sluice::cuda {

class RecurrentGradients {
 public:
  // Of chunks of `turns`. The scratch that it takes is in `plan`.
  RecurrentGradients(const OpCall& call, const RecurrentExtents& e, int64_t turns,
                     ScratchPlan& plan);

  // Gate gradients of a chunk: [B,turns,planes,H].
  float* gradients() const { return at(gradients_); }
  // Weight gradients are added to, or written anew.
  int32_t run(const StepChunk& chunk, bool accumulate) const;

 private:
  // With masks each gate is a product of its own.
  bool gathersMet() const { return chunked_ || e_.stateMasks; }
  bool scattersDx() const { return chunked_ || e_.inputMasks; }
  int inputProducts() const { return e_.inputMasks ? e_.cell->gates : 1; }

  size_t partScratchBytes(const StepChunk& chunk, const StatePart& part) const;
  // Of all gates, or of one.
  Product kernelProduct(const StepChunk& chunk, int which) const;
  Product recurrentKernelProduct(const StepChunk& chunk, const StatePart& part) const;
  Product inputProduct(const StepChunk& chunk, int which) const;

  int32_t add(Product product, bool accumulate) const;
  int32_t addKernel(const StepChunk& chunk, int which, bool accumulate) const;
  int32_t addRecurrentKernel(const StepChunk& chunk, const StatePart& part, bool accumulate) const;
  int32_t addWeights(const StepChunk& chunk, bool accumulate) const;
  int32_t addSums(const StepChunk& chunk, bool accumulate) const;
  int32_t putInput(const StepChunk& chunk) const;
  void inputFactors(StepRows& rows, int which) const;

  bool sizing() const { return call_.scratch == nullptr; }
  float* at(size_t offset) const {
    return reinterpret_cast<float*>(static_cast<unsigned char*>(call_.scratch) + offset);
  }
  const float* gradients(int plane) const { return at(gradients_) + plane * e_.H; }

  const OpCall& call_;
  const RecurrentExtents& e_;
  bool chunked_, wantsWeights_, gathersX_;
  size_t gradients_ = 0, x_ = 0, met_ = 0, dx_ = 0, product_ = 0;
};

}  // namespace sluice::cuda
