// What a model consists of and needs: fresh plain objects at every call.
#include <string>
#include <string_view>
#include <utility>

#include "addon/model.h"
#include "engine/core/error.h"
#include "engine/graph/layer.h"

namespace sluice::addon {
namespace {

constexpr std::pair<std::string_view, RunKind> kEstimateKinds[] = {
    {"train", RunKind::Train}, {"evaluate", RunKind::Evaluate}, {"predict", RunKind::Predict}};
constexpr std::pair<std::string_view, RunKind> kExplainKinds[] = {{"train", RunKind::Train},
                                                                  {"predict", RunKind::Predict}};

// Symbolic extents are null.
napi_value jsExtents(napi_env env, const Shape& shape) {
  napi_value list = nullptr;
  check(env, napi_create_array(env, &list));
  for (int i = 0; i < shape.rank; ++i) {
    const int64_t extent = shape[i];
    set(env, list, static_cast<size_t>(i),
        isSymbol(extent) ? jsNull(env) : jsNumber(env, static_cast<double>(extent)));
  }
  return list;
}

napi_value jsTextOrNull(napi_env env, const std::string& text) {
  return text.empty() ? jsNull(env) : jsString(env, text);
}

napi_value jsNode(napi_env env, const Graph& graph, const Node& node) {
  napi_value info = jsObject(env);
  set(env, info, "name", jsString(env, node.name));
  set(env, info, "kind", jsString(env, node.kind));
  set(env, info, "outputs", jsList(env, node.outputs, [&](const NodeOutput& output) {
        return jsExtents(env, output.shape);
      }));
  const std::vector<int> own = node.shared ? std::vector<int>{} : node.parameters;
  set(env, info, "parameters", jsList(env, own, [&](int index) {
        return jsString(env, graph.parameters[static_cast<size_t>(index)].name);
      }));
  set(env, info, "streamable",
      jsTextOrNull(env, node.layer ? node.layer->whyNotStreamable(node) : std::string()));
  return info;
}

}  // namespace

napi_value ModelObject::inputs(const Call& call) {
  napi_env env = call.env;
  const Graph& graph = model()->graph();
  return jsList(env, graph.inputs, [&](int index) {
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    const NodeOutput& output = node.outputs.front();
    napi_value info = jsObject(env);
    set(env, info, "name", jsString(env, node.name));
    set(env, info, "shape", jsExtents(env, output.shape));
    set(env, info, "dtype", jsString(env, dtypeName(output.dtype)));
    set(env, info, "sequence", jsBoolean(env, output.sequence));
    return info;
  });
}

napi_value ModelObject::outputs(const Call& call) {
  napi_env env = call.env;
  const Graph& graph = model()->graph();
  return jsList(env, graph.outputs, [&](ValueRef ref) {
    const NodeOutput& output = graph.at(ref);
    napi_value info = jsObject(env);
    set(env, info, "node", jsString(env, graph.nodes[static_cast<size_t>(ref.node)].name));
    set(env, info, "shape", jsExtents(env, output.shape));
    set(env, info, "masked", jsBoolean(env, output.masked));
    return info;
  });
}

napi_value ModelObject::nodes(const Call& call) {
  const Graph& graph = model()->graph();
  return jsList(call.env, graph.nodes,
                [&](const Node& node) { return jsNode(call.env, graph, node); });
}

napi_value ModelObject::parameters(const Call& call) {
  napi_env env = call.env;
  return jsList(env, model()->graph().parameters, [&](const Parameter& parameter) {
    napi_value info = jsObject(env);
    set(env, info, "name", jsString(env, parameter.name));
    set(env, info, "layer", jsString(env, parameter.layer));
    set(env, info, "shape", jsExtents(env, parameter.shape));
    set(env, info, "trainable", jsBoolean(env, parameter.trained()));
    return info;
  });
}

napi_value ModelObject::states(const Call& call) {
  napi_env env = call.env;
  return jsList(env, model()->graph().states, [&](const State& state) {
    napi_value info = jsObject(env);
    set(env, info, "name", jsString(env, state.name));
    set(env, info, "layer", jsString(env, state.layer));
    set(env, info, "shape", jsExtents(env, makeShape(state.size)));
    set(env, info, "carried", jsBoolean(env, state.carried));
    return info;
  });
}

napi_value ModelObject::estimate(const Call& call) {
  napi_env env = call.env;
  const RunKind kind = readChoice(env, call[0], "kind", kEstimateKinds);
  const int64_t rows = readInteger(env, call[1], "rows", 0, kMaxCount);
  const int64_t steps = readInteger(env, call[2], "steps", 0, kMaxCount);
  const MemoryEstimate memory = model()->estimate(kind, rows, steps);
  napi_value result = jsObject(env);
  set(env, result, "needed", jsNumber(env, static_cast<double>(memory.needed)));
  set(env, result, "available", jsNumber(env, static_cast<double>(memory.available)));
  return result;
}

napi_value ModelObject::explain(const Call& call) {
  napi_env env = call.env;
  const RunKind kind = readChoice(env, call[0], "kind", kExplainKinds);
  const int64_t rows = readInteger(env, call[1], "rows", 0, kMaxCount);
  const int64_t steps = readInteger(env, call[2], "steps", 0, kMaxCount);
  const PlanInfo plan = model()->explain(kind, rows, steps, readString(env, call[3], "device"));
  napi_value result = jsObject(env);
  set(env, result, "ops", jsList(env, plan.ops, [&](const OpInfo& op) {
        napi_value info = jsObject(env);
        set(env, info, "layer", jsString(env, op.layer));
        set(env, info, "op", jsString(env, op.op));
        set(env, info, "device", jsString(env, op.device));
        set(env, info, "kernel", jsString(env, op.kernel));
        set(env, info, "fallback", jsTextOrNull(env, op.fallback));
        return info;
      }));
  set(env, result, "arenaBytes", jsNumber(env, static_cast<double>(plan.arenaBytes)));
  set(env, result, "parameterBytes", jsNumber(env, static_cast<double>(plan.parameterBytes)));
  set(env, result, "packedBytes", jsNumber(env, static_cast<double>(plan.packedBytes)));
  set(env, result, "threads", jsNumber(env, plan.threads));
  return result;
}

}  // namespace sluice::addon
