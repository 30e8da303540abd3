#include "engine/model/stepper.h"

#include <algorithm>
#include <bit>
#include <cmath>

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

// The same layers and weights, one step at a time.
Graph oneStepOf(const Model& model) {
  // Asked before the layers see a single step: some have a window that is longer.
  for (const Node& node : model.graph().nodes) {
    if (!node.layer) continue;
    const std::string why = node.layer->whyNotStreamable(node);
    if (!why.empty())
      fail(Code::Unsupported,
           cat(node.name, ": a ", node.kind, " layer cannot be stepped here: ", why),
           {.layer = node.name});
  }
  Graph graph = Graph::parse(model.description(), 1);
  for (const int input : graph.inputs) {
    const Node& node = graph.nodes[static_cast<size_t>(input)];
    if (!node.outputs[0].sequence)
      fail(Code::Unsupported, cat(node.name, ": a streamed input is a sequence"),
           {.layer = node.name});
  }
  if (graph.parameterFloats != model.graph().parameterFloats)
    fail(Code::Unsupported,
         "the model has weights that depend on the number of steps: it cannot be stepped");
  return graph;
}

}  // namespace

Stepper::Stepper(const Model& model, WeightsType weights, int64_t mostRows) {
  const Graph graph = oneStepOf(model);
  for (const int input : graph.inputs) {
    const Node& node = graph.nodes[static_cast<size_t>(input)];
    inputSizes_.push_back(stepSize(node, node.outputs[0]));
    ids_.emplace_back();
    for (const Node& reader : graph.nodes)
      if (reader.ids > 0 && reader.inputs[0].node == input &&
          (ids_.back().count == 0 || reader.ids < ids_.back().count))
        ids_.back() = {reader.ids, reader.name};
  }
  for (const ValueRef ref : graph.outputs)
    outputSizes_.push_back(stepSize(graph.nodes[static_cast<size_t>(ref.node)], graph.at(ref)));

  PlanRequest request;
  request.allStates = true;
  request.weights = weights;
  const auto plan = std::make_shared<Plan>(compilePlan(graph, request, {}));
  const Backend& device = BackendRegistry::instance().require("cpu");
  size_t arenaBytes = 0;
  for (int64_t rows = 1; rows <= mostRows; rows *= 2) {
    const Extents extents{rows, graph.symbolsAt(1)};
    const auto bound = std::make_shared<BoundPlan>(plan, extents, device, 1, false);
    frames_.emplace_back(bound, graph.parameters);
    arenaBytes = std::max(arenaBytes, bound->arenaBytes());
  }
  const auto largest = std::bit_floor(static_cast<uint64_t>(mostRows));
  const auto rowsOf = [largest](int64_t size) {
    return Buffer(static_cast<size_t>(size) * largest * sizeof(float));
  };
  arena_ = Buffer(arenaBytes);
  memory_.arena = arena_.data();
  for (const int64_t size : inputSizes_) {
    inputs_.push_back(rowsOf(size));
    memory_.inputs.push_back(inputs_.back().data());
  }
  for (const State& state : graph.states) {
    stateSizes_.push_back(state.size);
    stateFloats_ += state.size;
    starts_.push_back(state.start < 0 ? -1
                                      : graph.parameters[static_cast<size_t>(state.start)].offset);
    states_.push_back(rowsOf(state.size));
    memory_.statesIn.push_back(states_.back().data());
  }
  memory_.masks.assign(graph.inputs.size(), nullptr);
}

void Stepper::start(const Model& model, float* states) const {
  std::shared_ptr<Snapshot> weights;
  for (size_t s = 0; s < starts_.size(); states += stateSizes_[s++]) {
    if (starts_[s] >= 0 && !weights) weights = model.currentWeights();
    if (starts_[s] >= 0)
      std::copy_n(weights->values() + starts_[s], stateSizes_[s], states);
    else
      std::fill_n(states, stateSizes_[s], 0.0f);
  }
}

size_t Stepper::bytes() const {
  size_t bytes = sizeof(Stepper) + arena_.bytes();
  for (const auto* buffers : {&inputs_, &states_})
    for (const Buffer& buffer : *buffers) bytes += buffer.bytes();
  return bytes;
}

int64_t Stepper::groupFor(int64_t rows) const {
  const auto group = std::bit_floor(static_cast<uint64_t>(rows));
  return static_cast<int64_t>(std::min(group, uint64_t{1} << (frames_.size() - 1)));
}

void Stepper::checkInput(size_t i, const float* values, int64_t rows) const {
  const Ids& ids = ids_[i];
  for (int64_t k = 0; ids.count > 0 && k < rows * inputSizes_[i]; ++k) {
    const auto value = static_cast<double>(values[k]);
    if (value >= 0 && value < static_cast<double>(ids.count) && value == std::floor(value))
      continue;
    fail(Code::InvalidArgument,
         cat(ids.layer, ": id ", value, " in row ", k / inputSizes_[i], " is not one of the ",
             ids.count, " from 0 to ", ids.count - 1),
         {.layer = ids.layer, .expected = cat("0..", ids.count - 1), .received = cat(value)});
  }
}

void Stepper::setInput(size_t i, const float* values, int64_t rows) {
  const int64_t n = rows * inputSizes_[i];
  if (ids_[i].count == 0)
    std::copy_n(values, n, inputs_[i].as<float>());
  else
    std::transform(values, values + n, inputs_[i].as<int32_t>(),
                   [](float value) { return static_cast<int32_t>(value); });
}

void Stepper::run(const Snapshot& weights, int64_t group) {
  memory_.parameters = weights.values();
  memory_.snapshot = &weights;
  Frame& frame = frames_[static_cast<size_t>(std::countr_zero(static_cast<uint64_t>(group)))];
  const RunContext context;
  frame.run(memory_, context);
  last_ = &frame;
}

const float* Stepper::output(size_t k) const {
  return last_->value(last_->bound().plan().outputs[k]).as<float>();
}
const float* Stepper::stateOut(size_t s) const {
  return last_->value(last_->bound().plan().statesOut[s]).as<float>();
}

}  // namespace sluice
