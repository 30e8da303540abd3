// What a run reads besides the weights, checked and in the form that plans take.
#pragma once

#include <vector>

#include "engine/model/model.h"
#include "engine/plan/frame.h"

namespace sluice {

// Targets fit the loss, classes exist, weights are finite and not negative: SHAPE_MISMATCH or
// INVALID_ARGUMENT.
void checkObjectives(const Graph& graph, const Batch& batch, const TrainingSpec& spec);

// The whole batch in the plan's real type. Slices of it are pointers further down.
class RunInputs {
 public:
  // Zeroes masked steps of the inputs in the batch, so that nothing in padding reaches arithmetic;
  // turns lengths into masks; checks classes. SHAPE_MISMATCH, INVALID_ARGUMENT.
  RunInputs(const Graph& graph, Batch& batch, DType real);

  uint64_t maskedInputs() const { return masked_; }
  uint64_t weightedOutputs() const { return weighted_; }
  uint64_t stepWeights() const { return stepWeights_; }
  // Pointers for the rows from `first` on.
  void bind(RunMemory& memory, int64_t first) const;
  // Σ w over rows, steps and masks of an output, as the loss counts it.
  double denominator(const Plan& plan, int output) const;

 private:
  struct Rows {
    std::byte* data = nullptr;
    size_t rowBytes = 0;
    std::byte* at(int64_t row) const {
      return data ? data + static_cast<size_t>(row) * rowBytes : nullptr;
    }
  };
  Rows real(Batch& batch, size_t slot, DType real);
  void prepareInput(const Graph& graph, Batch& batch, int input, DType real);
  std::vector<uint8_t> combinedMask(const Plan& plan, ValueId mask) const;

  int64_t rows_;
  std::vector<int64_t> symbols_;
  std::vector<Rows> inputs_, masks_, targets_, weights_, cotangents_;
  std::vector<Buffer> owned_;
  uint64_t masked_ = 0, weighted_ = 0, stepWeights_ = 0;
};

}  // namespace sluice
