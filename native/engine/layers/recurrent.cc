// The recurrent layer over any core: sequences or the last state, states out, an initial state from
// the graph or from the call before, forwards or backwards.
#include "engine/layers/recurrent.h"

#include "engine/layers/layers.h"

namespace sluice {
namespace {

class RecurrentLayer final : public Layer {
 public:
  explicit RecurrentLayer(const char* kind) : kind_(kind) {}

  void build(LayerBuild& build) override {
    core_ = makeRecurrentCore(kind_, build.options, use_);
    build.options.boolean("trainable");
    const auto states = static_cast<size_t>(core_->stateCount());
    fromGraph_ = takesStart(build, core_->stateCount());
    checkStart(build, *core_, fromGraph_, use_.stateful);
    build.expectRank(0, 3, "[batch,steps,features]");
    const int64_t units = core_->units();
    if (fromGraph_) expectStart(build, 1, *core_);
    core_->declare(build, "", build.inputs[0].shape[2]);
    for (size_t s = 0; s < states; ++s)
      build.states.push_back({stateName(static_cast<int>(s)), units, use_.stateful,
                              core_->startParameter(static_cast<int>(s))});

    NodeOutput state{makeShape(kBatchExtent, units), DType::Float32, false, false};
    NodeOutput sequence = build.inputs[0];
    sequence.shape[2] = units;
    build.outputs.push_back(use_.returnSequences ? sequence : state);
    for (size_t s = 0; s < states && use_.returnState; ++s) build.outputs.push_back(state);
  }

  void forward(NodeContext& node) const override {
    std::vector<ValueId> final;
    for (int s = 0; s < core_->stateCount(); ++s) final.push_back(finalState(node, s));
    ValueId sequence = kNoValue;
    if (use_.returnSequences)
      sequence = use_.goBackwards ? node.newValue(node.node().outputs[0].shape) : node.out(0);
    core_->forward(node, call(node), sequence, final);
    if (use_.returnSequences && use_.goBackwards)
      node.emit(Op::Reverse, nullptr, {sequence, node.mask(0)}, {node.out(0)});
    if (!use_.returnSequences && use_.returnState) node.setOut(1, final[0]);
    for (int s = 0; s < core_->stateCount(); ++s)
      node.setStateOut(s, final[static_cast<size_t>(s)]);
    for (size_t k = 0; k < node.node().outputs.size(); ++k)
      node.penalize(use_.activity, node.out(static_cast<int>(k)),
                    maskOf(node, static_cast<int>(k)));
  }

  void backward(NodeContext& node) const override {
    ValueId dSequence = kNoValue;
    std::vector<ValueId> dFinal, dInitial;
    for (int s = 0; s < core_->stateCount(); ++s) {
      dFinal.push_back(use_.returnState ? gradOut(node, 1 + s) : kNoValue);
      dInitial.push_back(fromGraph_ && node.wantsGradIn(1 + s) ? node.gradIn(1 + s) : kNoValue);
    }
    if (!use_.returnSequences) {
      dFinal[0] = sumOf(node, dFinal[0], gradOut(node, 0));
    } else if (const ValueId given = gradOut(node, 0); given != kNoValue) {
      dSequence = given;
      if (use_.goBackwards) {
        dSequence = node.newValue(node.node().outputs[0].shape);
        node.emit(Op::Reverse, nullptr, {given, node.mask(0)}, {dSequence});
      }
    }
    core_->backward(node, call(node), 0, dSequence, dFinal,
                    node.wantsGradIn(0) ? node.gradIn(0) : kNoValue, dInitial);
  }

  std::string whyNotStreamable(const Node&) const override {
    if (use_.goBackwards) return "it walks from the last step to the first";
    if (fromGraph_) return "its initial state is computed by the model";
    return {};
  }

 private:
  RecurrentCall call(NodeContext& node) const {
    RecurrentCall call;
    call.x = node.in(0);
    call.mask = node.mask(0);
    for (int s = 0; s < core_->stateCount(); ++s)
      call.initial.push_back(fromGraph_ ? node.in(1 + s) : node.stateIn(s));
    call.reverse = use_.goBackwards;
    call.repeatMasked = use_.repeatMasked;
    return call;
  }

  // The steps of a sequence that count; a state has none.
  ValueId maskOf(NodeContext& node, int output) const {
    return output == 0 && use_.returnSequences ? node.mask(0) : kNoValue;
  }
  ValueId gradOut(NodeContext& node, int output) const {
    return node.gradPenalized(use_.activity, node.out(output), maskOf(node, output),
                              node.gradOut(output));
  }

  // Where a final state goes: it may be an output of the node.
  ValueId finalState(NodeContext& node, int s) const {
    if (s == 0 && !use_.returnSequences) return node.out(0);
    if (use_.returnState) return node.out(1 + s);
    return node.newValue(makeShape(kBatchExtent, core_->units()));
  }

  const char* kind_;
  std::unique_ptr<RecurrentCore> core_;
  RecurrentUse use_;
  bool fromGraph_ = false;
};

}  // namespace

bool takesStart(const LayerBuild& build, int states) {
  const auto all = static_cast<size_t>(1 + states);
  build.expectInputs(1, all);
  if (build.inputs.size() == 1) return false;
  build.expectInputs(all, all);
  return true;
}

void expectStart(const LayerBuild& build, size_t first, const RecurrentCore& core) {
  for (size_t s = 0; s < static_cast<size_t>(core.stateCount()); ++s) {
    build.expectRank(first + s, 2, "initialState [batch,units]");
    const int64_t received = build.inputs[first + s].shape[1];
    if (received == core.units()) continue;
    fail(Code::ShapeMismatch,
         cat(build.name(), ": initialState ", first + s - 1, " has ", received,
             " features, the layer has ", core.units(), " units"),
         {.layer = build.name(),
          .option = "initialState",
          .expected = cat(core.units()),
          .received = cat(received)});
  }
}

void checkStart(const LayerBuild& build, const RecurrentCore& core, bool fromGraph, bool stateful) {
  const bool learned = core.startParameter(0) >= 0;
  if (fromGraph && stateful)
    fail(Code::Config,
         build.name() + ": a stateful layer carries its own state and takes no initialState",
         {.layer = build.name(),
          .option = "stateful",
          .expected = "false, or no initialState",
          .received = "true"});
  if (learned && (fromGraph || stateful))
    fail(Code::Config,
         cat(build.name(), ": the state before the first step cannot be learned and ",
             fromGraph ? "given by apply" : "carried over from the call before"),
         {.layer = build.name(),
          .option = "initialState",
          .expected = "'zeros'",
          .received = "'learned'"});
}

ValueId sumOf(NodeContext& node, ValueId a, ValueId b) {
  if (a == kNoValue || b == kNoValue) return a == kNoValue ? b : a;
  const ValueId sum = node.newValue(node.shapeOf(a));
  node.emit(Op::Merge, attributes(MergeAttributes{MergeMode::Sum}), {a, b}, {sum});
  return sum;
}

std::unique_ptr<Layer> makeGruLayer() { return std::make_unique<RecurrentLayer>("gru"); }
std::unique_ptr<Layer> makeLstmLayer() { return std::make_unique<RecurrentLayer>("lstm"); }
std::unique_ptr<Layer> makeMinGruLayer() { return std::make_unique<RecurrentLayer>("minGru"); }
std::unique_ptr<Layer> makeSimpleRnnLayer() {
  return std::make_unique<RecurrentLayer>("simpleRnn");
}

}  // namespace sluice
