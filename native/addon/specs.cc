#include "addon/specs.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "addon/js.h"
#include "addon/value.h"
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
    {"custom", LossKind::Value},
};
constexpr Named<MetricKind> kMetrics[] = {
    {"meanSquaredError", MetricKind::MeanSquaredError},
    {"meanAbsoluteError", MetricKind::MeanAbsoluteError},
    {"binaryAccuracy", MetricKind::BinaryAccuracy},
    {"categoricalAccuracy", MetricKind::CategoricalAccuracy},
    {"sparseCategoricalAccuracy", MetricKind::SparseCategoricalAccuracy},
    {"custom", MetricKind::MeanSquaredError},  // not asked for where there is a graph
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

LossSpec readLoss(Napi::Value value, const std::string& what) {
  const Fields fields(value, what, {"kind", "delta", "weight", "graph"});
  LossSpec spec;
  spec.loss.kind = fields.choice("kind", kLosses);
  spec.loss.delta = fields.number("delta");
  spec.weight = fields.number("weight");
  spec.graph = toValue(fields.get("graph"), "graph");
  return spec;
}

std::vector<MetricAttributes> readMetrics(Napi::Value value, const std::string& what,
                                          std::vector<Value>& graphs) {
  const Napi::Array list = readArray(value, what, kMaxMetrics);
  std::vector<MetricAttributes> metrics(list.Length());
  for (uint32_t i = 0; i < metrics.size(); ++i) {
    const Fields fields(get(list, i), cat(what, "[", i, "]"), {"kind", "threshold", "graph"});
    metrics[i].kind = fields.choice("kind", kMetrics);
    metrics[i].threshold = fields.number("threshold");
    graphs.push_back(toValue(fields.get("graph"), "graph"));
  }
  return metrics;
}

OptimizerAttributes readOptimizer(Napi::Value value) {
  const Fields fields(
      value, "optimizer",
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

Shape readRowShape(Napi::Value value, const std::string& what, int64_t most) {
  Shape shape;
  // The batch axis is to come in front.
  const Napi::Array extents = readArray(value, what, kMaxRank - 1);
  shape.rank = static_cast<int32_t>(extents.Length());
  for (int i = 0; i < shape.rank; ++i)
    shape[i] = readInteger(get(extents, static_cast<uint32_t>(i)), cat(what, "[", i, "]"), 0, most);
  return shape;
}

RunKind readRunKind(Napi::Value value) { return readChoice(value, "kind", kRunKinds); }

TrainingSpec readTrainingSpec(Napi::Value value) {
  const Fields fields(value, "spec", {"losses", "metrics", "optimizer"});
  TrainingSpec spec;
  const Napi::Array losses = readArray(fields.get("losses"), "losses", kMaxOutputs);
  const Napi::Array metrics = readArray(fields.get("metrics"), "metrics", kMaxOutputs);
  spec.losses.resize(losses.Length());
  for (uint32_t i = 0; i < spec.losses.size(); ++i)
    spec.losses[i] = readLoss(get(losses, i), cat("losses[", i, "]"));
  spec.metrics.resize(metrics.Length());
  spec.metricGraphs.resize(metrics.Length());
  for (uint32_t i = 0; i < spec.metrics.size(); ++i)
    spec.metrics[i] = readMetrics(get(metrics, i), cat("metrics[", i, "]"), spec.metricGraphs[i]);
  spec.optimizer = readOptimizer(fields.get("optimizer"));
  return spec;
}

RunArguments readRunOptions(Napi::Value value) {
  const Fields fields(value, "options",
                      {"device", "cancel", "weights", "training", "seed", "step", "microBatch",
                       "learningRate", "requireFinite", "strict", "memory", "precision"});
  RunArguments arguments;
  RunOptions& options = arguments.options;
  options.device = fields.string("device");
  arguments.cancel = fields.get("cancel");
  arguments.weights = fields.get("weights");
  options.training = fields.boolean("training");
  options.seed = static_cast<uint64_t>(fields.integer("seed", 0, kMaxSafeInteger));
  options.step = static_cast<uint64_t>(fields.integer("step", 0, kMaxSafeInteger));
  options.microBatch = fields.integer("microBatch", 0, kMaxCount);
  if (!fields.get("learningRate").IsNull()) options.learningRate = fields.number("learningRate");
  options.requireFinite = fields.boolean("requireFinite");
  options.strict = fields.boolean("strict");
  options.lowMemory = fields.choice("memory", kMemories);
  options.precision = fields.choice("precision", kPrecisions);
  return arguments;
}

}  // namespace sluice::addon
