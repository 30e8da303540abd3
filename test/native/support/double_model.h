// Models in double against central differences, for native tests: what a layer writes into a plan
// is right for its parameters, its inputs and its initial states, with and without masks.
#pragma once

#include <gtest/gtest.h>

#include <cmath>

#include "engine/backend/backend.h"
#include "engine/core/random.h"
#include "engine/plan/frame.h"
#include "support/description.h"

namespace sluice::test {

constexpr int64_t kRows = 3, kSteps = 4;
constexpr int32_t kIds = 5;
// Of inputs with more steps again from its start.
constexpr uint8_t kMask[kRows][kSteps] = {{1, 1, 1, 0}, {0, 1, 0, 1}, {0, 0, 0, 0}};

// A model with double parameters and inputs, as a function of both.
class DoubleModel {
 public:
  DoubleModel(const Value& description, bool masked) : graph_(Graph::parse(description)) {
    PlanRequest request;
    request.real = DType::Float64;
    request.backward = request.cotangents = request.inputGradients = true;
    request.training = true;
    if (masked)
      for (size_t i = 0; i < graph_.inputs.size(); ++i)
        if (graph_.nodes[static_cast<size_t>(graph_.inputs[i])].outputs[0].sequence)
          request.maskedInputs |= uint64_t{1} << i;
    const Extents extents{kRows, graph_.symbolsAt(kSteps)};
    bound_ = std::make_shared<BoundPlan>(std::make_shared<Plan>(compilePlan(graph_, request, {})),
                                         extents, BackendRegistry::instance().require("reference"),
                                         1, false);
    frame_ = std::make_unique<Frame>(bound_, graph_.parameters);
    arena_ = Buffer(bound_->arenaBytes());
    parameters.assign(static_cast<size_t>(graph_.parameterFloats), 0);
    gradients_ = parameters;
    RandomSequence random(1, 1);
    for (const Parameter& p : graph_.parameters)
      // Positive for a variance' sake, else centred.
      for (int64_t i = 0; i < p.shape.elements(); ++i)
        parameters[static_cast<size_t>(p.offset + i)] =
            p.name.ends_with("variance") ? 0.5 + random.uniform() : 1.6 * random.uniform() - 0.8;
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      const NodeOutput& spec = graph_.nodes[static_cast<size_t>(graph_.inputs[i])].outputs[0];
      Shape shape = spec.shape;
      for (int d = 0; d < shape.rank; ++d) shape[d] = extents(shape[d]);
      inputs.emplace_back(static_cast<size_t>(shape.elements()));
      ids_.emplace_back();
      masks_.emplace_back();
      if (spec.sequence)
        for (int64_t step = 0; step < kRows * shape[1]; ++step)
          masks_.back().push_back(kMask[step / shape[1]][step % shape[1] % kSteps]);
      if (spec.dtype == DType::Int32) {
        for (size_t k = 0; k < inputs.back().size(); ++k)
          ids_.back().push_back(
              masked && isMasked(i, k) ? 0 : static_cast<int32_t>(kIds * random.uniform()));
        inputs.back().clear();  // nothing to differentiate
      }
      for (size_t k = 0; k < inputs.back().size(); ++k) {
        inputs.back()[k] = 2 * random.uniform() - 1;
        // The engine zeroes what is masked before a plan sees it.
        if (masked && isMasked(i, k)) inputs.back()[k] = 0;
      }
    }
    for (const ValueId id : bound_->plan().outputs) {
      cotangents_.emplace_back(static_cast<size_t>(bound_->valueView(id).shape.elements()));
      for (double& c : cotangents_.back()) c = 2 * random.uniform() - 1;
    }
    for (size_t i = 0; i < inputs.size(); ++i)
      memory_.inputs.push_back(ids_[i].empty() ? static_cast<void*>(inputs[i].data())
                                               : static_cast<void*>(ids_[i].data()));
    for (auto& cotangent : cotangents_) memory_.cotangents.push_back(cotangent.data());
    for (auto& mask : masks_) memory_.masks.push_back(mask.empty() ? nullptr : mask.data());
    memory_.arena = arena_.data();
    memory_.parameters = parameters.data();
    memory_.gradients = gradients_.data();
  }

  // Σ cotangent · output; leaves the gradients behind.
  double run() {
    RunContext context;
    context.seed = 11;
    frame_->run(memory_, context);
    double sum = 0;
    for (size_t k = 0; k < cotangents_.size(); ++k) {
      const double* out = frame_->value(bound_->plan().outputs[k]).as<double>();
      for (size_t i = 0; i < cotangents_[k].size(); ++i) sum += cotangents_[k][i] * out[i];
    }
    return sum;
  }

  void check(const std::string& name) {
    run();
    const std::vector<double> gradients = gradients_;
    std::vector<std::vector<double>> inputGradients;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ValueId id = bound_->plan().inputGradients[i];
      inputGradients.emplace_back(inputs[i].size(), 0.0);
      if (id != kNoValue)
        std::copy_n(frame_->value(id).as<double>(), inputs[i].size(),
                    inputGradients.back().begin());
    }
    for (size_t p = 0; p < graph_.parameters.size(); ++p) {
      const Parameter& parameter = graph_.parameters[p];
      if (!parameter.trained()) continue;
      for (int64_t i = 0; i < parameter.shape.elements(); ++i) {
        const auto at = static_cast<size_t>(parameter.offset + i);
        compare(name + ": " + parameter.name, parameters[at], gradients[at]);
      }
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      for (size_t k = 0; k < inputs[i].size(); ++k) {
        // A masked input is a constant zero.
        if ((bound_->plan().request.maskedInputs >> i & 1) && isMasked(i, k)) continue;
        compare(name + ": input " + std::to_string(i), inputs[i][k], inputGradients[i][k]);
      }
    }
  }

  std::vector<double> parameters;
  std::vector<std::vector<double>> inputs;

 private:
  // Whether element k of an input, or id k, stands in a masked step.
  bool isMasked(size_t input, size_t k) const {
    const std::vector<uint8_t>& mask = masks_[input];
    return !mask.empty() && mask[k / (inputs[input].size() / mask.size())] == 0;
  }

  void compare(const std::string& what, double& at, double gradient) {
    const double old = at, h = 1e-5;
    at = old + h;
    const double up = run();
    at = old - h;
    const double down = run();
    at = old;
    const double numeric = (up - down) / (2 * h);
    EXPECT_NEAR(gradient, numeric, 1e-8 * std::max(1.0, std::abs(numeric)) + 1e-9) << what;
  }

  Graph graph_;
  std::shared_ptr<BoundPlan> bound_;
  std::unique_ptr<Frame> frame_;
  Buffer arena_;
  std::vector<double> gradients_;
  std::vector<std::vector<uint8_t>> masks_;  // [B,T] of each input that has steps, else empty
  std::vector<std::vector<double>> cotangents_;
  std::vector<std::vector<int32_t>> ids_;  // of Int32 inputs
  RunMemory memory_;
};

inline void check(const std::string& name, const Value& description) {
  for (const bool masked : {false, true})
    DoubleModel(description, masked).check(name + (masked ? " masked" : ""));
}

inline Value yes() { return Value::boolean(true); }
inline Value x() { return inputNode("x", {-1, 3}); }

}  // namespace sluice::test
