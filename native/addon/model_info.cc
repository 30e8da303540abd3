// What a model consists of and needs, and how its plans run: fresh plain objects at every call.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "addon/cancel.h"
#include "addon/js.h"
#include "addon/model.h"
#include "addon/specs.h"
#include "addon/task.h"
#include "engine/core/error.h"
#include "engine/graph/layer.h"

namespace sluice::addon {
namespace {

constexpr std::pair<std::string_view, RunKind> kEstimateKinds[] = {
    {"train", RunKind::Train}, {"evaluate", RunKind::Evaluate}, {"predict", RunKind::Predict}};
constexpr std::pair<std::string_view, RunKind> kExplainKinds[] = {{"train", RunKind::Train},
                                                                  {"predict", RunKind::Predict}};

// More than any model has.
constexpr size_t kMaxInputs = 4096;

// Symbolic extents are null.
Napi::Array jsExtents(Napi::Env env, const Shape& shape) {
  const std::span extents(shape.dims.data(), static_cast<size_t>(shape.rank));
  return toArray(env, extents, [&](int64_t extent) {
    return isSymbol(extent) ? env.Null() : Napi::Value::From(env, extent);
  });
}

Napi::Value jsTextOrNull(Napi::Env env, const std::string& text) {
  return text.empty() ? env.Null() : Napi::Value::From(env, text);
}

Napi::Object jsNode(Napi::Env env, const Graph& graph, const Node& node) {
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("name", node.name);
  entry.Set("kind", node.kind);
  entry.Set("outputs", toArray(env, node.outputs, [&](const NodeOutput& output) {
              return jsExtents(env, output.shape);
            }));
  const std::vector<int> own = node.shared() ? std::vector<int>{} : node.parameters;
  entry.Set("parameters", toArray(env, own, [&](int index) {
              return graph.parameters[static_cast<size_t>(index)].name;
            }));
  entry.Set("streamable",
            jsTextOrNull(env, node.layer ? node.layer->whyNotStreamable(node) : std::string()));
  return entry;
}

PlanQuestion readPlanQuestion(const Napi::CallbackInfo& info) {
  return {.kind = readChoice(info[0], "kind", kExplainKinds),
          .rows = readInteger(info[1], "rows", 0, kMaxCount),
          .steps = readInteger(info[2], "steps", 0, kMaxCount),
          .device = readString(info[3], "device"),
          .precision = readChoice(info[5], "precision", kPrecisions),
          .lowMemory = readChoice(info[4], "memory", kMemories),
          .strict = readBoolean(info[6], "strict")};
}

Napi::Value jsPositiveOrNull(Napi::Env env, double value) {
  return value > 0 ? Napi::Value::From(env, value) : env.Null();
}

Napi::Object jsOp(Napi::Env env, const OpInfo& op) {
  const auto textOrNull = [&](const char* text) { return jsTextOrNull(env, text ? text : ""); };
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("layer", op.layer);
  entry.Set("op", op.op);
  entry.Set("device", op.device);
  entry.Set("kernel", op.kernel);
  entry.Set("how", textOrNull(op.choice.how));
  entry.Set("detour", textOrNull(op.choice.detour));
  entry.Set("target", op.target);
  entry.Set("threads", op.choice.threads);
  entry.Set("split", op.choice.threads != 1 ? textOrNull(op.choice.split) : env.Null());
  entry.Set("beside", jsTextOrNull(env, op.beside));
  entry.Set("flop", op.choice.flop);
  entry.Set("bytes", op.bytes);
  entry.Set("predictedSeconds", jsPositiveOrNull(env, op.choice.seconds));
  entry.Set("measuredSeconds", jsPositiveOrNull(env, op.seconds));
  entry.Set("fallback", jsTextOrNull(env, op.fallback));
  return entry;
}

Napi::Object jsPlan(Napi::Env env, const PlanInfo& plan) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("ops", toArray(env, plan.ops, [&](const OpInfo& op) { return jsOp(env, op); }));
  result.Set("arenaBytes", plan.arenaBytes);
  result.Set("parameterBytes", plan.parameterBytes);
  result.Set("packedBytes", plan.packedBytes);
  result.Set("threads", plan.threads);
  return result;
}

class MeasureTask final : public Task {
 public:
  MeasureTask(std::shared_ptr<Model> model, PlanQuestion question)
      : model_(std::move(model)), question_(std::move(question)) {}

  void run(const CancelToken& cancel) override {
    cancel.check();
    plan_ = model_->measure(question_, &cancel);
  }
  Napi::Value result(Napi::Env env) override { return jsPlan(env, plan_); }

 private:
  std::shared_ptr<Model> model_;
  PlanQuestion question_;
  PlanInfo plan_;
};

}  // namespace

Napi::Value ModelObject::inputs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Graph& graph = model()->graph();
  return toArray(env, graph.inputs, [&](int index) {
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    const NodeOutput& output = node.outputs.front();
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", node.name);
    entry.Set("shape", jsExtents(env, output.shape));
    entry.Set("dtype", dtypeName(output.dtype));
    entry.Set("sequence", output.sequence);
    return entry;
  });
}

Napi::Value ModelObject::outputs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Graph& graph = model()->graph();
  return toArray(env, graph.outputs, [&](ValueRef ref) {
    const NodeOutput& output = graph.at(ref);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("node", graph.nodes[static_cast<size_t>(ref.node)].name);
    entry.Set("shape", jsExtents(env, output.shape));
    entry.Set("masked", output.masked);
    entry.Set("alwaysMasked", output.alwaysMasked);
    return entry;
  });
}

Napi::Value ModelObject::outputShapes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Array list = readArray(info[0], "inputShapes", kMaxInputs);
  std::vector<Shape> rows(list.Length());
  for (uint32_t i = 0; i < rows.size(); ++i)
    rows[i] = readRowShape(get(list, i), cat("inputShapes[", i, "]"), kMaxSafeInteger);
  return toArray(env, model()->graph().outputShapes(rows),
                 [&](const Shape& shape) { return jsExtents(env, shape); });
}

Napi::Value ModelObject::nodes(const Napi::CallbackInfo& info) {
  const Graph& graph = model()->graph();
  return toArray(info.Env(), graph.nodes,
                 [&](const Node& node) { return jsNode(info.Env(), graph, node); });
}

Napi::Value ModelObject::parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return toArray(env, model()->graph().parameters, [&](const Parameter& parameter) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", parameter.name);
    entry.Set("layer", parameter.layer);
    entry.Set("shape", jsExtents(env, parameter.shape));
    entry.Set("trainable", parameter.trained());
    return entry;
  });
}

Napi::Value ModelObject::states(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return toArray(env, model()->graph().states, [&](const State& state) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", state.name);
    entry.Set("layer", state.layer);
    entry.Set("shape", jsExtents(env, makeShape(state.size)));
    entry.Set("carried", state.carried);
    return entry;
  });
}

Napi::Value ModelObject::estimate(const Napi::CallbackInfo& info) {
  const RunKind kind = readChoice(info[0], "kind", kEstimateKinds);
  const int64_t rows = readInteger(info[1], "rows", 0, kMaxCount);
  const int64_t steps = readInteger(info[2], "steps", 0, kMaxCount);
  const MemoryEstimate memory = model()->estimate(kind, rows, steps);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("needed", memory.needed);
  result.Set("available", memory.available);
  return result;
}

Napi::Value ModelObject::explain(const Napi::CallbackInfo& info) {
  const PlanQuestion question = readPlanQuestion(info);
  return jsPlan(info.Env(), model()->explain(question));
}

Napi::Value ModelObject::measure(const Napi::CallbackInfo& info) {
  return promiseOf(info.Env(),
                   [&] { return from(info.This(), "the receiver").startMeasure(info); });
}

Submission ModelObject::startMeasure(const Napi::CallbackInfo& info) {
  PlanQuestion question = readPlanQuestion(info);
  CancelObject* cancel = info[7].IsNull() ? nullptr : &CancelObject::from(info[7], "cancel");
  // From here on no code of the user's runs.
  const auto task = std::make_shared<MeasureTask>(model(), std::move(question));
  if (cancel != nullptr && cancel->isCancelled()) fail(Code::Aborted, "the call was aborted");
  if (cancel != nullptr) cancel->add(task);
  return {task, Priority::Training, {info.This().As<Napi::Object>()}};
}

}  // namespace sluice::addon
