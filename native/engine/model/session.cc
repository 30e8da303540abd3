#include "engine/model/session.h"

#include <algorithm>
#include <cstring>

#include "engine/model/plan_cache.h"

namespace sluice {
namespace {

// Floats of one step of a value with one row; UNSUPPORTED where it has no such thing.
int64_t stepSize(const Node& node, const NodeOutput& value) {
  int64_t size = 1;
  for (int i = value.sequence ? 2 : 1; i < value.shape.rank; ++i) {
    if (isSymbol(value.shape[i]))
      fail(Code::Unsupported,
           cat(node.name, ": ", describeShape(value.shape),
               " cannot be stepped: only the steps may be unknown"),
           {.layer = node.name});
    size *= value.shape[i];
  }
  return size;
}

}  // namespace

struct Session::Frame {
  sluice::Frame frame;
  Buffer arena;
  RunMemory memory;
  std::vector<Buffer> inputs, states;
  std::shared_ptr<Snapshot> weights;
};

Session::Session(std::shared_ptr<Model> model) : model_(std::move(model)) {
  // The same layers and weights, one step at a time.
  const Graph graph = Graph::parse(model_->description(), 1);
  for (const Node& node : graph.nodes) {
    if (!node.layer) continue;
    const std::string why = node.layer->whyNotStreamable(node);
    if (!why.empty())
      fail(Code::Unsupported,
           cat(node.name, ": a ", node.kind, " layer cannot be stepped here: ", why),
           {.layer = node.name});
  }
  for (const int input : graph.inputs) {
    const Node& node = graph.nodes[static_cast<size_t>(input)];
    if (!node.outputs[0].sequence || node.outputs[0].dtype != DType::Float32)
      fail(Code::Unsupported, cat(node.name, ": a streamed input is a float32 sequence"),
           {.layer = node.name});
    inputSizes_.push_back(stepSize(node, node.outputs[0]));
  }
  for (const ValueRef ref : graph.outputs)
    outputSizes_.push_back(stepSize(graph.nodes[static_cast<size_t>(ref.node)], graph.at(ref)));

  if (graph.parameterFloats != model_->graph().parameterFloats)
    fail(Code::Unsupported,
         "the model has weights that depend on the number of steps: it cannot be stepped");

  PlanRequest request;
  request.allStates = true;
  const Extents extents{1, std::vector<int64_t>(static_cast<size_t>(graph.symbols), 1)};
  const auto bound =
      std::make_shared<BoundPlan>(std::make_shared<Plan>(compilePlan(graph, request, {})), extents,
                                  BackendRegistry::instance().require("cpu"), 1, false);
  frame_ = std::make_unique<Frame>(Frame{
      sluice::Frame(bound, graph.parameters), Buffer(bound->arenaBytes()), {}, {}, {}, nullptr});
  frame_->memory.arena = frame_->arena.data();
  for (const int64_t size : inputSizes_) {
    frame_->inputs.emplace_back(static_cast<size_t>(size) * sizeof(float));
    frame_->memory.inputs.push_back(frame_->inputs.back().data());
  }
  size_t floats = 0;
  for (const State& state : graph.states) {
    frame_->states.emplace_back(static_cast<size_t>(state.size) * sizeof(float));
    frame_->memory.statesIn.push_back(frame_->states.back().data());
    floats += static_cast<size_t>(state.size);
  }
  frame_->memory.masks.assign(graph.inputs.size(), nullptr);
  state_.assign(floats, 0.0f);
}

Session::~Session() = default;

size_t Session::bytes() const {
  size_t bytes = sizeof(Session) + sizeof(Frame) + state_.size() * sizeof(float);
  bytes += frame_->arena.bytes();
  for (const Buffer& buffer : frame_->inputs) bytes += buffer.bytes();
  for (const Buffer& buffer : frame_->states) bytes += buffer.bytes();
  return bytes;
}

void Session::push(const float* const* inputs, float* const* outputs) {
  Frame& f = *frame_;
  f.weights = model_->currentWeights();
  f.memory.parameters = f.weights->values();
  f.memory.snapshot = f.weights.get();
  for (size_t i = 0; i < inputSizes_.size(); ++i)
    std::memcpy(f.inputs[i].data(), inputs[i], static_cast<size_t>(inputSizes_[i]) * sizeof(float));
  float* state = state_.data();
  for (Buffer& buffer : f.states) {
    std::memcpy(buffer.data(), state, buffer.bytes());
    state += buffer.bytes() / sizeof(float);
  }
  const RunContext context;
  f.frame.run(f.memory, context);

  const Plan& plan = f.frame.bound().plan();
  state = state_.data();
  for (size_t s = 0; s < f.states.size(); ++s) {
    std::memcpy(state, f.frame.value(plan.statesOut[s]).data, f.states[s].bytes());
    state += f.states[s].bytes() / sizeof(float);
  }
  for (size_t k = 0; k < outputSizes_.size(); ++k)
    std::memcpy(outputs[k], f.frame.value(plan.outputs[k]).data,
                static_cast<size_t>(outputSizes_[k]) * sizeof(float));
  // The snapshot is let go of, so that training can write it again.
  f.weights.reset();
}

}  // namespace sluice
