// gru(units) -> dense(1) of the last step with mse and Adam, its weights and its rows: what
// bench/drivers/sluice.mjs builds in JavaScript.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "data.h"
#include "engine/model/model.h"
#include "support/description.h"
#include "support/gru_cases.h"

namespace train {

using bench::GruSizes;
using sluice::Batch;
using sluice::Model;

inline void setWeights(Model& model, const GruSizes& s) {
  const float scale = 1 / std::sqrt(static_cast<float>(s.units));
  const int64_t columns = 3 * s.units;
  const auto kernel = bench::values(s.features * columns, bench::kKernel, scale);
  const auto recurrent = bench::values(s.units * columns, bench::kRecurrentKernel, scale);
  const auto bias = bench::values(2 * columns, bench::kBias, scale);
  const auto dense = bench::values(s.units, bench::kDenseKernel, scale);
  model.setWeights({{"gru/kernel", kernel.data(), kernel.size()},
                    {"gru/recurrent_kernel", recurrent.data(), recurrent.size()},
                    {"gru/bias", bias.data(), bias.size()},
                    {"dense/kernel", dense.data(), dense.size()}});
}

inline std::shared_ptr<Model> makeModel(const GruSizes& s) {
  using namespace sluice::test;
  const Members zeros{{"biasInitializer", named("zeros")}};  // the other weights are set
  const auto model =
      Model::create(description({inputNode("input", {s.steps, s.features}),
                                 node("gru", "gru", {{"input", 0}}, gruOptions(s.units)),
                                 node("dense", "dense", {{"gru", 0}}, denseOptions(1, zeros))},
                                {{"dense", 0}}),
                    1);
  sluice::TrainingSpec spec;
  spec.losses.resize(1);  // mean squared error
  spec.metrics.resize(1);
  spec.optimizer.kind = sluice::OptimizerKind::Adam;
  spec.optimizer.learningRate = 0.001;
  model->compile(std::move(spec));
  setWeights(*model, s);
  return model;
}

// Rows of a case, `count` of them from `first` on.
inline std::unique_ptr<Batch> makeBatch(const Model& model, const GruSizes& s, int first, int count,
                                        const sluice::Device* device = nullptr) {
  using sluice::SlotRole;
  auto batch = std::make_unique<Batch>(
      model.graph(), count,
      std::vector<sluice::SlotSpec>{
          {SlotRole::Input, 0, sluice::makeShape(s.steps, s.features), sluice::DType::Float32},
          {SlotRole::Target, 0, sluice::makeShape(1), sluice::DType::Float32}},
      device);
  const int64_t width = int64_t{s.steps} * s.features;
  const auto put = [&](size_t slot, bench::Seed seed, int64_t rowSize) {
    const auto all = bench::values(s.batch * rowSize, seed, 1);
    std::memcpy(batch->row(slot, 0), all.data() + first * rowSize,
                static_cast<size_t>(count * rowSize) * sizeof(float));
  };
  put(0, bench::kX, width);
  put(1, bench::kTarget, 1);
  return batch;
}

}  // namespace train
