// One live sequence, stepped on the calling thread. Its plan is the model's with one row, one step
// and every recurrent state as an input and an output.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/model/model.h"

namespace sluice {

class Session {
 public:
  // UNSUPPORTED names the layer that cannot be stepped.
  explicit Session(std::shared_ptr<Model> model);
  ~Session();

  const std::vector<int64_t>& inputSizes() const { return inputSizes_; }
  const std::vector<int64_t>& outputSizes() const { return outputSizes_; }
  int64_t stateSize() const { return static_cast<int64_t>(state_.size()); }
  // What it holds beside its model's weights.
  size_t bytes() const;

  // Reads inputSizes()[i] floats from inputs[i], writes outputSizes()[i] floats to outputs[i].
  // Inputs and outputs may be the same memory.
  void push(const float* const* inputs, float* const* outputs);

  const std::vector<float>& state() const { return state_; }
  void setState(const float* values) { state_.assign(values, values + state_.size()); }
  void reset() { state_.assign(state_.size(), 0.0f); }

 private:
  struct Frame;
  std::shared_ptr<Model> model_;
  std::unique_ptr<Frame> frame_;
  std::vector<int64_t> inputSizes_, outputSizes_;
  std::vector<float> state_;
};

}  // namespace sluice
