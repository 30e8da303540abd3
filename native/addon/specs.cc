#include "addon/specs.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "engine/core/error.h"

namespace sluice::addon {
namespace {

template <typename Choice>
using Named = std::pair<std::string_view, Choice>;

constexpr Named<RunKind> kRunKinds[] = {
    {"train", RunKind::Train},     {"evaluate", RunKind::Evaluate},
    {"predict", RunKind::Predict}, {"gradients", RunKind::Gradients},
    {"vjp", RunKind::Vjp},
};
constexpr Named<LossKind> kLosses[] = {
    {"meanSquaredError", LossKind::MeanSquaredError},
    {"meanAbsoluteError", LossKind::MeanAbsoluteError},
    {"huber", LossKind::Huber},
    {"binaryCrossentropy", LossKind::BinaryCrossentropy},
    {"categoricalCrossentropy", LossKind::CategoricalCrossentropy},
    {"sparseCategoricalCrossentropy", LossKind::SparseCategoricalCrossentropy},
};
constexpr Named<MetricKind> kMetrics[] = {
    {"meanSquaredError", MetricKind::MeanSquaredError},
    {"meanAbsoluteError", MetricKind::MeanAbsoluteError},
    {"binaryAccuracy", MetricKind::BinaryAccuracy},
    {"categoricalAccuracy", MetricKind::CategoricalAccuracy},
    {"sparseCategoricalAccuracy", MetricKind::SparseCategoricalAccuracy},
};
constexpr Named<OptimizerKind> kOptimizers[] = {
    {"sgd", OptimizerKind::Sgd},
    {"rmsprop", OptimizerKind::Rmsprop},
    {"adam", OptimizerKind::Adam},
    {"adamw", OptimizerKind::AdamW},
};
constexpr Named<int32_t> kEpsilonModes[] = {{"keras", 0}, {"torch", 1}};

constexpr size_t kMaxOutputs = 4096;
constexpr size_t kMaxMetrics = 1024;

LossSpec readLoss(napi_env env, napi_value value, const std::string& what) {
  const Fields fields(env, value, what, {"kind", "delta", "weight"});
  LossSpec spec;
  spec.loss.kind = fields.choice("kind", kLosses);
  spec.loss.delta = fields.number("delta");
  spec.weight = fields.number("weight");
  return spec;
}

std::vector<MetricAttributes> readMetrics(napi_env env, napi_value value, const std::string& what) {
  std::vector<MetricAttributes> metrics(readArrayLength(env, value, what, kMaxMetrics));
  for (size_t i = 0; i < metrics.size(); ++i) {
    const Fields fields(env, getElement(env, value, i), cat(what, "[", i, "]"),
                        {"kind", "threshold"});
    metrics[i].kind = fields.choice("kind", kMetrics);
    metrics[i].threshold = fields.number("threshold");
  }
  return metrics;
}

OptimizerAttributes readOptimizer(napi_env env, napi_value value) {
  const Fields fields(
      env, value, "optimizer",
      {"kind", "learningRate", "momentum", "nesterov", "rho", "beta1", "beta2", "epsilon",
       "epsilonMode", "weightDecay", "clipNorm", "clipVariableNorm", "clipValue"});
  OptimizerAttributes optimizer;
  optimizer.kind = fields.choice("kind", kOptimizers);
  optimizer.learningRate = fields.number("learningRate");
  optimizer.momentum = fields.number("momentum");
  optimizer.nesterov = fields.boolean("nesterov") ? 1 : 0;
  optimizer.rho = fields.number("rho");
  optimizer.beta1 = fields.number("beta1");
  optimizer.beta2 = fields.number("beta2");
  optimizer.epsilon = fields.number("epsilon");
  optimizer.torchForm = fields.choice("epsilonMode", kEpsilonModes);
  optimizer.weightDecay = fields.number("weightDecay");
  optimizer.clipNorm = fields.number("clipNorm");
  optimizer.clipVariableNorm = fields.number("clipVariableNorm");
  optimizer.clipValue = fields.number("clipValue");
  return optimizer;
}

}  // namespace

RunKind readRunKind(napi_env env, napi_value value) {
  return readChoice(env, value, "kind", kRunKinds);
}

TrainingSpec readTrainingSpec(napi_env env, napi_value value) {
  const Fields fields(env, value, "spec", {"losses", "metrics", "optimizer"});
  TrainingSpec spec;
  napi_value losses = fields.get("losses"), metrics = fields.get("metrics");
  spec.losses.resize(readArrayLength(env, losses, "losses", kMaxOutputs));
  for (size_t i = 0; i < spec.losses.size(); ++i)
    spec.losses[i] = readLoss(env, getElement(env, losses, i), cat("losses[", i, "]"));
  spec.metrics.resize(readArrayLength(env, metrics, "metrics", kMaxOutputs));
  for (size_t i = 0; i < spec.metrics.size(); ++i)
    spec.metrics[i] = readMetrics(env, getElement(env, metrics, i), cat("metrics[", i, "]"));
  spec.optimizer = readOptimizer(env, fields.get("optimizer"));
  return spec;
}

RunArguments readRunOptions(napi_env env, napi_value value) {
  const Fields fields(env, value, "options",
                      {"device", "cancel", "weights", "training", "seed", "step", "microBatch",
                       "learningRate", "requireFinite", "strict"});
  RunArguments arguments;
  RunOptions& options = arguments.options;
  options.device = fields.string("device");
  arguments.cancel = fields.get("cancel");
  arguments.weights = fields.get("weights");
  options.training = fields.boolean("training");
  options.seed = static_cast<uint64_t>(fields.integer("seed", 0, kMaxSafeInteger));
  options.step = static_cast<uint64_t>(fields.integer("step", 0, kMaxSafeInteger));
  options.microBatch = fields.integer("microBatch", 0, kMaxCount);
  if (typeOf(env, fields.get("learningRate")) != napi_null)
    options.learningRate = fields.number("learningRate");
  options.requireFinite = fields.boolean("requireFinite");
  options.strict = fields.boolean("strict");
  return arguments;
}

}  // namespace sluice::addon
