// A model's plan with one step and every recurrent state as an input and an output, for groups of
// rows that step together: what sessions run on.
#pragma once

#include <memory>
#include <vector>

#include "engine/model/model.h"
#include "engine/plan/frame.h"

namespace sluice {

class Stepper {
 public:
  // UNSUPPORTED names the layer that cannot be stepped. Groups have at most `mostRows` rows.
  Stepper(const Model& model, WeightsType weights, int64_t mostRows);
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  const std::vector<int64_t>& inputSizes() const { return inputSizes_; }
  const std::vector<int64_t>& outputSizes() const { return outputSizes_; }
  const std::vector<int64_t>& stateSizes() const { return stateSizes_; }
  int64_t stateFloats() const { return stateFloats_; }
  size_t bytes() const;

  // The largest group that runs in one piece and has at most `rows` rows.
  int64_t groupFor(int64_t rows) const;

  // Writes stateFloats() floats: the states before a first step, learned ones as they are now.
  void start(const Model& model, float* states) const;
  // INVALID_ARGUMENT where an id is none that its layer has; other inputs take everything.
  void checkInput(size_t i, const float* values, int64_t rows) const;
  // Before a run, [rows, size]. Ids come as floats, as everything that is pushed.
  void setInput(size_t i, const float* values, int64_t rows);
  // [rows, size], to be filled before a run.
  float* stateIn(size_t s) { return states_[s].as<float>(); }
  // Allocates nothing, unless these weights were not packed before. A row's results do not depend
  // on the others.
  void run(const Snapshot& weights, int64_t group);
  // [rows, size] of the last run.
  const float* output(size_t k) const;
  const float* stateOut(size_t s) const;

 private:
  // Of an Int32 input: what its numbers may be, and for whom.
  struct Ids {
    int64_t count = 0;  // 0: not an Int32 input
    std::string layer;
  };

  std::vector<int64_t> inputSizes_, outputSizes_, stateSizes_;
  int64_t stateFloats_ = 0;
  std::vector<int64_t> starts_;  // where each state's lies among the parameters; -1: zeros
  std::vector<Frame> frames_;    // of 1, 2, 4, ... rows
  const Frame* last_ = nullptr;
  Buffer arena_;
  std::vector<Buffer> inputs_, states_;
  std::vector<Ids> ids_;  // per input
  RunMemory memory_;
};

}  // namespace sluice
