#include "engine/model/session.h"

#include <algorithm>

namespace sluice {

Session::Session(std::shared_ptr<Model> model, WeightsType weights)
    : model_(std::move(model)), stepper_(*model_, weights, 1) {
  state_.resize(static_cast<size_t>(stepper_.stateFloats()));
  reset();
}

void Session::push(const float* const* inputs, float* const* outputs) {
  // Let go of at the end, so that training can write them again.
  const std::shared_ptr<Snapshot> weights = model_->currentWeights();
  for (size_t i = 0; i < inputSizes().size(); ++i) stepper_.checkInput(i, inputs[i], 1);
  for (size_t i = 0; i < inputSizes().size(); ++i) stepper_.setInput(i, inputs[i], 1);
  const std::vector<int64_t>& sizes = stepper_.stateSizes();
  float* state = state_.data();
  for (size_t s = 0; s < sizes.size(); state += sizes[s++])
    std::copy_n(state, sizes[s], stepper_.stateIn(s));

  stepper_.run(*weights, 1);

  state = state_.data();
  for (size_t s = 0; s < sizes.size(); state += sizes[s++])
    std::copy_n(stepper_.stateOut(s), sizes[s], state);
  for (size_t k = 0; k < outputSizes().size(); ++k)
    std::copy_n(stepper_.output(k), outputSizes()[k], outputs[k]);
}

}  // namespace sluice
