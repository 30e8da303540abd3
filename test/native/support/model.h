// Small models with data, for native tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/core/random.h"
#include "engine/model/model.h"
#include "support/description.h"

namespace sluice::test {

inline Value referenceModel(int64_t features = 3, const Members& gru = {}) {
  return description(
      {inputNode("x", {-1, features}), node("gru", "gru", {{"x", 0}}, gruOptions(5, gru)),
       node("dense", "dense", {{"gru", 0}}, denseOptions(2))},
      {{"dense", 0}});
}

inline void fillRandom(Batch& batch, uint64_t seed) {
  RandomSequence random(seed, 7);
  for (size_t s = 0; s < batch.slots().size(); ++s) {
    if (batch.slots()[s].dtype != DType::Float32) continue;
    auto* values = reinterpret_cast<float*>(batch.row(s, 0));
    for (size_t i = 0; i < static_cast<size_t>(batch.rows()) * batch.rowBytes(s) / sizeof(float);
         ++i)
      values[i] = static_cast<float>(2 * random.uniform() - 1);
  }
}

inline TrainingSpec adam(double learningRate) {
  TrainingSpec spec;
  spec.losses = {LossSpec{}};
  spec.metrics = {{MetricAttributes{MetricKind::MeanAbsoluteError, 0}}};
  spec.optimizer.kind = OptimizerKind::Adam;
  spec.optimizer.learningRate = learningRate;
  return spec;
}

inline std::unique_ptr<Batch> trainingBatch(const Model& model, int64_t rows, int64_t steps,
                                            uint64_t seed) {
  auto batch = std::make_unique<Batch>(
      model.graph(), rows,
      std::vector<SlotSpec>{{SlotRole::Input, 0, makeShape(steps, 3), DType::Float32},
                            {SlotRole::Target, 0, makeShape(2), DType::Float32}});
  fillRandom(*batch, seed);
  return batch;
}

inline RunOptions on(const std::string& device) {
  RunOptions options;
  options.device = device;
  options.requireFinite = true;
  return options;
}

}  // namespace sluice::test
