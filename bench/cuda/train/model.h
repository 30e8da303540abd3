// gru(units) -> dense(1) of the last step with mse and Adam, its weights and its rows: what
// bench/drivers/sluice.mjs builds in JavaScript.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data.h"
#include "engine/model/model.h"
#include "support/gru_cases.h"

namespace train {

using bench::GruSizes;
using sluice::Batch;
using sluice::Model;
using sluice::Value;
using Members = std::vector<Value::Member>;

inline Value named(const char* name) { return Value::object({{"name", Value::string(name)}}); }

inline Value activation(const char* name) {
  return Value::object(
      {{"name", Value::string(name)}, {"alpha", Value::number(0)}, {"beta", Value::number(0)}});
}

// `inputs`: the node before, if there is one.
inline Value node(const char* kind, const char* before, Members options) {
  std::vector<Value> inputs;
  if (before != nullptr) inputs.push_back(Value::array({Value::string(before), Value::number(0)}));
  return Value::object({{"kind", Value::string(kind)},
                        {"name", Value::string(kind)},
                        {"inputs", Value::array(std::move(inputs))},
                        {"options", Value::object(std::move(options))}});
}

// The defaults of layers.gru, but that weights start as zeros: they are set.
inline Members gruOptions(int units) {
  return {{"units", Value::number(units)},
          {"activation", activation("tanh")},
          {"recurrentActivation", activation("sigmoid")},
          {"useBias", Value::boolean(true)},
          {"kernelInitializer", named("zeros")},
          {"recurrentInitializer", named("zeros")},
          {"biasInitializer", named("zeros")},
          {"resetAfter", Value::boolean(true)},
          {"updateGate", Value::string("keep")},
          {"returnSequences", Value::boolean(false)},
          {"returnState", Value::boolean(false)},
          {"goBackwards", Value::boolean(false)},
          {"stateful", Value::boolean(false)},
          {"initialState", Value::string("zeros")},
          {"maskedOutput", Value::string("zero")},
          {"dropout", Value::number(0)},
          {"recurrentDropout", Value::number(0)},
          {"zoneout", Value::number(0)},
          {"recurrentDropConnect", Value::number(0)},
          {"clip", Value::number(0)},
          {"layerNorm", Value::boolean(false)},
          {"layerNormEpsilon", Value::number(1e-5)},
          {"trainable", Value::boolean(true)}};
}

inline Members denseOptions() {
  return {{"units", Value::number(1)},         {"activation", activation("linear")},
          {"useBias", Value::boolean(true)},   {"kernelInitializer", named("zeros")},
          {"biasInitializer", named("zeros")}, {"trainable", Value::boolean(true)}};
}

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
  Members input = {{"shape", Value::array({Value::number(s.steps), Value::number(s.features)})},
                   {"dtype", Value::string("float32")}};
  const Value output = Value::array({Value::string("dense"), Value::number(0)});
  const auto model = Model::create(
      Value::object({{"nodes", Value::array({node("input", nullptr, std::move(input)),
                                             node("gru", "input", gruOptions(s.units)),
                                             node("dense", "gru", denseOptions())})},
                     {"outputs", Value::array({output})}}),
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
