// One live sequence, stepped on the calling thread.
#pragma once

#include <memory>
#include <vector>

#include "engine/model/stepper.h"

namespace sluice {

class Session {
 public:
  // UNSUPPORTED names the layer that cannot be stepped.
  explicit Session(std::shared_ptr<Model> model, WeightsType weights = WeightsType::Float32);

  const std::vector<int64_t>& inputSizes() const { return stepper_.inputSizes(); }
  const std::vector<int64_t>& outputSizes() const { return stepper_.outputSizes(); }
  int64_t stateSize() const { return stepper_.stateFloats(); }
  // What it holds beside its model's weights.
  size_t bytes() const { return stepper_.bytes() + state_.size() * sizeof(float); }

  // Reads inputSizes()[i] floats from inputs[i], writes outputSizes()[i] floats to outputs[i].
  // Inputs and outputs may be the same memory.
  void push(const float* const* inputs, float* const* outputs);

  const std::vector<float>& state() const { return state_; }
  void setState(const float* values) { state_.assign(values, values + state_.size()); }
  void reset() { stepper_.start(*model_, state_.data()); }

 private:
  std::shared_ptr<Model> model_;
  Stepper stepper_;
  std::vector<float> state_;
};

}  // namespace sluice
