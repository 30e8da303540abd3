// Layer normalization in a cell: x W and h R of a row, all gates together, lose their mean and are
// divided by their deviation, then multiplied with gamma; an LSTM's c likewise (op_recurrent.h).
//
// Rows are planes of P floats, a gate each; what stands in the padding counts nowhere and becomes
// zero. What is saved of a step has the normalized planes behind those of the cell (`hats`): x W, h
// R, c; then a vector with the factors that each was multiplied with.
//
// A row of gate gradients has the planes
//   those of h R, in the order of the cell    what meets R and gives dR
//   those of x W                              what meets W and gives dW
//   the cell's own                            before the way back through the norm
//   these times the normalized x W, h R       gradients of gamma
//   LSTM: those of act's argument, the same times the normalized c
// and all from the third line on are summed over rows and steps.
#pragma once

#include "cpu/recurrent_layout.h"

namespace sluice::cpu {

struct RecurrentNormArgs {
  int64_t rows;
  float* sums;  // [gates][P] x W; becomes the sums of the gates
  int64_t ldSums;
  float* products;  // [gates][P] h R; a waiting candidate's plane becomes what r multiplies
  int64_t ldProducts;
  const float* gamma;  // packed [2][gates][P]
  const float* bias;   // packed [gates][P]
  const float* candidateBias;
  float epsilon;
  float* saved;  // null: inference
  int64_t ldSaved;
};
void recurrentNormalize(const RecurrentExtents& e, const RecurrentNormArgs& args) noexcept;

// From the cell's own gradients of a row, and what forward saved of it, the planes before and
// behind them.
void recurrentNormGradients(const RecurrentExtents& e, const float* gamma, const float* saved,
                            float* gradients) noexcept;

// The sums over all rows and steps: gradients of biases and of the norm's parameters.
class RecurrentNormSums {
 public:
  static int64_t scratchFloats(const RecurrentExtents& e) {
    return e.normalized ? (e.gradients - e.ownGradients) * e.P : 0;
  }

  RecurrentNormSums(const OpCall& call, const RecurrentExtents& e, float* scratch);

  // Adds a chunk of rows of gate gradients: the part of one of the threads that share it out.
  void add(int thread, int threads, const float* gradients, int64_t rows) const;
  // The outputs, when all have been added.
  void finish() const;

 private:
  const float* plane(int64_t plane) const { return sums_ + plane * e_.P; }

  const RecurrentExtents& e_;
  float* sums_;
  float* dBias_;
  bool ownBias_;
  float* dGamma_;
  float* dCellGamma_;
  float* dCellBeta_;
};

}  // namespace sluice::cpu
