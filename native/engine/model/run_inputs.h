// What a run reads besides the weights, checked and in the form that plans take.
#pragma once

#include <vector>

#include "engine/model/model.h"
#include "engine/plan/frame.h"

namespace sluice {

// Targets fit the loss, classes exist, weights are finite and not negative: SHAPE_MISMATCH or
// INVALID_ARGUMENT.
void checkObjectives(const Graph& graph, const Batch& batch, const TrainingSpec& spec);

// Starts to copy a batch whose rows are complete to its device, beside whatever runs there. What is
// wrong with them is told by the run.
void uploadBatch(const Graph& graph, Batch& batch);

// The whole batch in the plan's real type. Slices of it are pointers further down.
class RunInputs {
 public:
  // Zeroes masked steps of the inputs in the batch, so that nothing in padding reaches arithmetic;
  // turns lengths into masks. INVALID_ARGUMENT for a missing input, a length or an id out of range.
  RunInputs(const Graph& graph, Batch& batch, DType real);

  uint64_t maskedInputs() const { return masked_; }
  uint64_t weightedOutputs() const { return weighted_; }
  uint64_t stepWeights() const { return stepWeights_; }
  // Pointers for the rows from `first` on.
  void bind(RunMemory& memory, int64_t first) const;
  // Zeroes masked steps of the input's gradient: what is zeroed at the door has none, though a
  // layer that sees each step alone passes one on.
  void clearMasked(int input, std::vector<float>& gradient) const;
  // Σ w over the rows of an output's loss, as the loss counts them, for `rows` rows of the batch
  // from `first` on. `mask`: of these; null where none reaches the output.
  double denominator(const Plan& plan, size_t output, int64_t first, int64_t rows,
                     const uint8_t* mask) const;

 private:
  struct Rows {
    std::byte* data = nullptr;
    size_t rowBytes = 0;
    std::byte* at(int64_t row) const {
      return data ? data + static_cast<size_t>(row) * rowBytes : nullptr;
    }
  };
  Rows real(Batch& batch, size_t slot, DType real);
  void checkIds(const Graph& graph, const Batch& batch, const Node& node) const;
  void prepareInput(const Graph& graph, Batch& batch, int input, DType real);

  int64_t rows_;
  std::vector<int64_t> symbols_;
  std::vector<Rows> inputs_, masks_, targets_, weights_, cotangents_;
  std::vector<Buffer> owned_;
  uint64_t masked_ = 0, weighted_ = 0, stepWeights_ = 0;
};

}  // namespace sluice
