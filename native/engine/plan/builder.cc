#include "engine/plan/builder.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "engine/core/error.h"

namespace sluice {

class PlanBuilder::Context final : public NodeContext {
 public:
  Context(PlanBuilder& builder, int node)
      : builder_(builder), index_(node), own_(builder.values(node)) {}

  const Node& node() const override { return builder_.graph_.nodes[static_cast<size_t>(index_)]; }
  bool training() const override { return builder_.request_.training; }
  bool keepsForBackward() const override {
    return builder_.request_.backward && builder_.wanted_[static_cast<size_t>(index_)];
  }
  bool savesMemory() const override { return builder_.request_.lowMemory; }

  WeightsType weights() const override { return builder_.request_.weights; }

  ValueId in(int input) const override {
    const ValueRef ref = node().inputs[static_cast<size_t>(input)];
    return builder_.values(ref.node).outputs[static_cast<size_t>(ref.output)];
  }
  ValueId mask(int input) const override {
    const ValueRef ref = node().inputs[static_cast<size_t>(input)];
    return builder_.values(ref.node).masks[static_cast<size_t>(ref.output)];
  }
  ValueId parameter(int i) const override {
    const int p = node().parameters[static_cast<size_t>(i)];
    const Parameter& parameter = builder_.graph_.parameters[static_cast<size_t>(p)];
    return builder_.external(Storage::Parameter, p, parameter.shape, DType::Float32);
  }
  bool frozen() const override {
    const auto& parameters = node().parameters;
    return !parameters.empty() &&
           builder_.graph_.parameters[static_cast<size_t>(parameters[0])].frozen;
  }
  ValueId nextParameter(int i) const override {
    const int p = node().parameters[static_cast<size_t>(i)];
    const ValueId next = builder_.plan_.nextParameters[static_cast<size_t>(p)];
    return next == kNoValue ? parameter(i) : next;
  }
  void setNextParameter(int i, ValueId value) override {
    const int p = node().parameters[static_cast<size_t>(i)];
    builder_.plan_.nextParameters[static_cast<size_t>(p)] = value;
  }
  ValueId stateIn(int i) const override {
    const int s = node().states[static_cast<size_t>(i)];
    if (!passes(s)) return kNoValue;
    return builder_.external(
        Storage::StateIn, s,
        makeShape(kBatchExtent, builder_.graph_.states[static_cast<size_t>(s)].size),
        DType::Float32);
  }
  void setStateOut(int i, ValueId value) override {
    const int s = node().states[static_cast<size_t>(i)];
    if (passes(s)) builder_.plan_.statesOut[static_cast<size_t>(s)] = value;
  }
  ValueId out(int output) override {
    ValueId& value = own_.outputs[static_cast<size_t>(output)];
    if (value == kNoValue) {
      const NodeOutput& spec = node().outputs[static_cast<size_t>(output)];
      value = spec.batched ? newValue(spec.shape, spec.dtype) : newWeights(spec.shape);
    }
    return value;
  }
  void setOut(int output, ValueId value) override {
    own_.outputs[static_cast<size_t>(output)] = value;
  }
  void setOutMask(int output, ValueId mask) override {
    own_.masks[static_cast<size_t>(output)] = mask;
  }

  ValueId newValue(const Shape& shape, DType dtype) override {
    return builder_.add(shape, dtype, Storage::Arena, 0);
  }
  ValueId newWeights(const Shape& shape) override {
    const ValueId value = newValue(shape, DType::Float32);
    builder_.plan_.values[static_cast<size_t>(value)].weights = true;
    return value;
  }
  ValueId view(ValueId value, const Shape& shape) override { return builder_.view(value, shape); }
  int64_t product(int64_t a, int64_t b) override { return builder_.product(a, b); }
  ValueId newOpaque() override {
    const ValueId value = builder_.add(makeShape(0), DType::Bool, Storage::Arena, 0);
    builder_.plan_.values[static_cast<size_t>(value)].opaque = true;
    return value;
  }
  Shape shapeOf(ValueId value) const override {
    return builder_.plan_.values[static_cast<size_t>(value)].shape;
  }
  void emit(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
            std::vector<ValueId> out) override {
    builder_.emit({op, std::move(attributes), std::move(in), std::move(out), node().name});
  }
  void emitFirst(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
                 std::vector<ValueId> out) override {
    builder_.emitFirst({op, std::move(attributes), std::move(in), std::move(out), node().name});
  }
  void emitLast(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
                std::vector<ValueId> out) override {
    lastOps_.push_back({op, std::move(attributes), std::move(in), std::move(out), node().name});
  }
  void penalize(const PenaltyAttributes& penalty, ValueId value, ValueId mask) override {
    if (!builder_.request_.losses || penalty.isNone()) return;
    emit(Op::Penalty, attributes(penalty),
         {value, mask, builder_.penaltyScale(kActivityPenalty), kNoValue},
         {builder_.newPenaltySum(), kNoValue});
  }
  std::vector<ValueId>& saved() override { return own_.saved; }

  ValueId gradOut(int output) const override { return own_.gradients[static_cast<size_t>(output)]; }
  bool wantsGradIn(int input) const override {
    return builder_.wanted_[static_cast<size_t>(node().inputs[static_cast<size_t>(input)].node)];
  }
  ValueId gradIn(int input) override {
    const ValueId value = newValue(shapeOf(in(input)), DType::Float32);
    setGradIn(input, value);
    return value;
  }
  void setGradIn(int input, ValueId value) override { contributions_.emplace_back(input, value); }
  ValueId gradParameter(int i) override {
    const int p = node().parameters[static_cast<size_t>(i)];
    const Parameter& parameter = builder_.graph_.parameters[static_cast<size_t>(p)];
    if (!parameter.trained()) return kNoValue;
    const ValueId flat = builder_.external(Storage::Gradient, p, parameter.shape, DType::Float32);
    if (!builder_.plan_.parameterHasGradient[static_cast<size_t>(p)]) {
      builder_.plan_.parameterHasGradient[static_cast<size_t>(p)] = true;
      return flat;
    }
    // A second use of a shared layer: its part is added once its ops have run.
    const ValueId part = newValue(parameter.shape, DType::Float32);
    additions_.emplace_back(part, flat);
    return part;
  }

  ValueId gradPenalized(const PenaltyAttributes& penalty, ValueId value, ValueId mask,
                        ValueId gradient) override {
    if (!builder_.request_.losses || penalty.isNone()) return gradient;
    const ValueId dx = newValue(shapeOf(value), DType::Float32);
    emit(Op::Penalty, attributes(penalty),
         {value, mask, builder_.penaltyScale(kActivityPenalty), gradient}, {kNoValue, dx});
    return dx;
  }

  // What remains to be written once the layer's backward is there.
  void finishBackward() {
    for (PlanOp& op : lastOps_) builder_.emit(std::move(op));
    for (const auto& [part, flat] : additions_) emit(Op::Add, nullptr, {part}, {flat});
    for (const auto& [input, value] : contributions_) {
      const ValueRef ref = node().inputs[static_cast<size_t>(input)];
      if (value != kNoValue && wantsGradIn(input)) builder_.contribute(ref, value, node().name);
    }
  }

 private:
  bool passes(int state) const {
    return builder_.request_.allStates ||
           builder_.graph_.states[static_cast<size_t>(state)].carried;
  }

  PlanBuilder& builder_;
  int index_;
  NodeValues& own_;
  std::vector<std::pair<int, ValueId>> contributions_;
  std::vector<PlanOp> lastOps_;
  std::vector<std::pair<ValueId, ValueId>> additions_;
};

PlanBuilder::PlanBuilder(const Graph& graph, const PlanRequest& request)
    : graph_(graph), request_(request) {
  plan_.request = request;
  nodes_.resize(graph.nodes.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const size_t outputs = graph.nodes[i].outputs.size();
    nodes_[i].outputs.assign(outputs, kNoValue);
    nodes_[i].masks.assign(outputs, kNoValue);
    nodes_[i].gradients.assign(outputs, kNoValue);
  }
  plan_.statesOut.assign(graph.states.size(), kNoValue);
  plan_.inputGradients.assign(graph.inputs.size(), kNoValue);
  plan_.parameterHasGradient.assign(graph.parameters.size(), false);
  plan_.nextParameters.assign(graph.parameters.size(), kNoValue);
}

ValueId PlanBuilder::add(const Shape& shape, DType dtype, Storage storage, int index) {
  plan_.values.push_back({.shape = shape, .dtype = dtype, .storage = storage, .index = index});
  return static_cast<ValueId>(plan_.values.size() - 1);
}

ValueId PlanBuilder::external(Storage storage, int index, const Shape& shape, DType dtype) {
  const auto [found, fresh] = externals_.try_emplace({storage, index}, kNoValue);
  if (fresh) found->second = add(shape, dtype, storage, index);
  return found->second;
}

ValueId PlanBuilder::view(ValueId value, const Shape& shape) {
  PlanValue view = plan_.values[static_cast<size_t>(value)];
  if (view.shape == shape) return value;
  view.shape = shape;
  view.viewOf = plan_.root(value);
  plan_.values.push_back(view);
  return static_cast<ValueId>(plan_.values.size() - 1);
}

int64_t PlanBuilder::product(int64_t a, int64_t b) {
  if (!isSymbol(a) && !isSymbol(b)) return a * b;
  auto& products = plan_.products;
  const auto found = std::find(products.begin(), products.end(), std::pair{a, b});
  const int64_t number = graph_.symbols + (found - products.begin());
  if (found == products.end()) products.emplace_back(a, b);
  return symbolExtent(number);
}

void PlanBuilder::markWanted() {
  wanted_.assign(graph_.nodes.size(), false);
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& node = graph_.nodes[i];
    bool wanted =
        node.isInput() && request_.inputGradients && node.outputs[0].dtype == DType::Float32;
    if (node.prediction >= 0)
      wanted =
          wanted_[static_cast<size_t>(graph_.outputs[static_cast<size_t>(node.prediction)].node)];
    for (const int p : node.parameters)
      wanted = wanted || graph_.parameters[static_cast<size_t>(p)].trained();
    for (const ValueRef ref : node.inputs)
      wanted = wanted || wanted_[static_cast<size_t>(ref.node)];
    wanted_[i] = wanted;
  }
}

Plan PlanBuilder::build(const std::vector<OutputObjective>& objectives) {
  markWanted();
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    NodeValues& input = values(graph_.inputs[i]);
    const NodeOutput& spec = graph_.nodes[static_cast<size_t>(graph_.inputs[i])].outputs[0];
    const int index = static_cast<int>(i);
    input.outputs[0] = external(Storage::Input, index, spec.shape, spec.dtype);
    if (request_.maskedInputs >> i & 1)
      input.masks[0] =
          external(Storage::Mask, index, makeShape(spec.shape[0], spec.shape[1]), DType::Bool);
  }
  for (size_t i = 0; i < graph_.nodes.size(); ++i)
    if (!graph_.nodes[i].isInput()) forward(static_cast<int>(i));
  for (const ValueRef ref : graph_.outputs) {
    plan_.outputs.push_back(values(ref.node).outputs[static_cast<size_t>(ref.output)]);
    plan_.outputMasks.push_back(values(ref.node).masks[static_cast<size_t>(ref.output)]);
  }
  if (request_.masksOnly) keepMasksOnly();
  if (request_.losses) addLosses(objectives);
  if (request_.cotangents) addCotangents();
  if (request_.backward) {
    for (size_t i = graph_.nodes.size(); i-- > 0;)
      if (!graph_.nodes[i].isInput() && wanted_[i]) backward(static_cast<int>(i));
    for (size_t i = 0; i < graph_.inputs.size() && request_.inputGradients; ++i)
      plan_.inputGradients[i] = values(graph_.inputs[i]).gradients[0];
  }
  if (request_.losses) penalizeWeights();
  return std::move(plan_);
}

void PlanBuilder::keepMasksOnly() {
  plan_.outputs.clear();
  plan_.statesOut.assign(graph_.states.size(), kNoValue);
  plan_.nextParameters.assign(graph_.parameters.size(), kNoValue);
  std::set<ValueId> needed;  // the memory of these
  const auto need = [&](const std::vector<ValueId>& values) {
    for (const ValueId id : values)
      if (id != kNoValue) needed.insert(plan_.root(id));
  };
  need(plan_.outputMasks);
  std::vector<PlanOp> kept;  // from the last one to the first
  for (size_t i = plan_.ops.size(); i-- > 0;) {
    PlanOp& op = plan_.ops[i];
    const auto isNeeded = [&](ValueId id) {
      return id != kNoValue && needed.contains(plan_.root(id));
    };
    if (std::none_of(op.out.begin(), op.out.end(), isNeeded)) continue;
    need(op.in);
    kept.push_back(std::move(op));
  }
  plan_.ops.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

void PlanBuilder::forward(int index) {
  Context context(*this, index);
  const Node& node = graph_.nodes[static_cast<size_t>(index)];
  if (!node.layer) return standForOutput(index);
  // A mask goes on with the steps unless the layer says otherwise.
  for (size_t k = 0; k < node.outputs.size(); ++k)
    if (node.outputs[k].sequence && !node.inputs.empty())
      nodes_[static_cast<size_t>(index)].masks[k] = context.mask(0);
  node.layer->forward(context);
}

void PlanBuilder::addLosses(const std::vector<OutputObjective>& objectives) {
  plan_.metricSums.resize(graph_.outputs.size());
  for (size_t k = 0; k < graph_.outputs.size(); ++k) {
    const ValueRef ref = graph_.outputs[k];
    const Node& node = graph_.nodes[static_cast<size_t>(ref.node)];
    const OutputObjective& objective = objectives[k];
    const bool sparse = objective.loss.kind == LossKind::SparseCategoricalCrossentropy;
    const ValueId mask = plan_.outputMasks[k];
    const auto newSums = [&] { return add(makeShape(2), DType::Float64, Storage::Arena, 0); };
    plan_.lossSums.push_back(newSums());
    const bool isWritten = objective.value.node >= 0;
    plan_.lossOfBatchRows.push_back(isWritten && lossRows(graph_, k, objective.value).ofBatch);
    if (isWritten) {
      addValues(k, objective.value, plan_.lossSums[k], true);
    } else {
      ValueId gradient = kNoValue;
      if (request_.backward && wanted_[static_cast<size_t>(ref.node)])
        gradient = add(graph_.at(ref).shape, DType::Float32, Storage::Arena, 0);
      const ValueId scale =
          external(Storage::Scale, static_cast<int>(k), makeShape(1), DType::Float64);
      emit({Op::Loss,
            attributes(objective.loss),
            {plan_.outputs[k], target(k, sparse), weight(k), mask, scale},
            {plan_.lossSums[k], gradient},
            node.name});
      if (gradient != kNoValue) contribute(ref, gradient, node.name);
    }
    for (size_t m = 0; m < objective.metrics.size(); ++m) {
      plan_.metricSums[k].push_back(newSums());
      if (const ValueRef value = objective.metricValue(m); value.node >= 0)
        addValues(k, value, plan_.metricSums[k][m], false);
      else
        emit({Op::Metric,
              attributes(objective.metrics[m]),
              {plan_.outputs[k], target(k, sparse), weight(k), mask},
              {plan_.metricSums[k][m]},
              node.name});
    }
  }
}

ValueId PlanBuilder::newPenaltySum() {
  plan_.penaltySums.push_back(add(makeShape(1), DType::Float64, Storage::Arena, 0));
  return plan_.penaltySums.back();
}

void PlanBuilder::penalizeWeights() {
  for (size_t p = 0; p < graph_.parameters.size(); ++p) {
    const Parameter& parameter = graph_.parameters[p];
    if (parameter.penalty.isNone() || !parameter.trained()) continue;
    const int index = static_cast<int>(p);
    ValueId gradient = kNoValue, before = kNoValue;
    if (request_.backward) {
      gradient = external(Storage::Gradient, index, parameter.shape, DType::Float32);
      if (plan_.parameterHasGradient[p]) before = gradient;
      plan_.parameterHasGradient[p] = true;
    }
    emit({Op::Penalty,
          attributes(parameter.penalty),
          {external(Storage::Parameter, index, parameter.shape, DType::Float32), kNoValue,
           penaltyScale(kWeightPenalty), before},
          {newPenaltySum(), gradient},
          parameter.layer});
  }
}

void PlanBuilder::addCotangents() {
  for (size_t k = 0; k < graph_.outputs.size(); ++k) {
    const ValueRef ref = graph_.outputs[k];
    if (!wanted_[static_cast<size_t>(ref.node)]) continue;
    const ValueId cotangent =
        external(Storage::Cotangent, static_cast<int>(k), graph_.at(ref).shape, DType::Float32);
    contribute(ref, cotangent, graph_.nodes[static_cast<size_t>(ref.node)].name);
  }
}

void PlanBuilder::contribute(ValueRef ref, ValueId gradient, const std::string& layer) {
  ValueId& sum = values(ref.node).gradients[static_cast<size_t>(ref.output)];
  if (sum == kNoValue) {
    sum = gradient;
    return;
  }
  // Into a fresh value: either of the two may also be the gradient of something else.
  const ValueId both =
      add(plan_.values[static_cast<size_t>(gradient)].shape, DType::Float32, Storage::Arena, 0);
  emit({Op::Merge, attributes(MergeAttributes{MergeMode::Sum}), {sum, gradient}, {both}, layer});
  sum = both;
}

void PlanBuilder::backward(int index) {
  bool flows = false;
  for (const ValueId gradient : nodes_[static_cast<size_t>(index)].gradients)
    flows = flows || gradient != kNoValue;
  if (!flows) return;
  if (const Node& node = graph_.nodes[static_cast<size_t>(index)]; node.prediction >= 0) {
    const auto output = static_cast<size_t>(node.prediction);
    return contribute(graph_.outputs[output],
                      keepRows(values(index).gradients[0], output, node.name), node.name);
  }
  Context context(*this, index);
  graph_.nodes[static_cast<size_t>(index)].layer->backward(context);
  context.finishBackward();
}

Plan compilePlan(const Graph& graph, const PlanRequest& request,
                 const std::vector<OutputObjective>& objectives) {
  return PlanBuilder(graph, request).build(objectives);
}

}  // namespace sluice
