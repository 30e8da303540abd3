// Two recurrent layers over the same sequence, one from its start and one from its end, and their
// outputs merged; Keras' Bidirectional. Each direction walks over a row's valid steps only.
#include "engine/layers/layers.h"
#include "engine/layers/recurrent.h"

namespace sluice {
namespace {

class BidirectionalLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    OptionReader& options = build.options;
    merge_ =
        static_cast<Merge>(options.choice("mergeMode", {"concat", "sum", "ave", "mul", "none"}));
    options.boolean("trainable");
    const bool hasOwn = !options.value("backwardLayer").isNull();
    readCore(build, "layer", 0);
    readCore(build, hasOwn ? "backwardLayer" : "layer", 1);
    if (use_[0].returnSequences != use_[1].returnSequences ||
        use_[0].returnState != use_[1].returnState || use_[0].stateful != use_[1].stateful)
      fail(Code::Config,
           build.name() + ": both layers must agree in returnSequences, returnState and stateful",
           {.layer = build.name(),
            .option = "backwardLayer",
            .expected = "the same returnSequences, returnState and stateful as layer",
            .received = "others"});
    if (use_[0].goBackwards)
      fail(Code::Config, build.name() + ": the forward layer cannot go backwards",
           {.layer = build.name(),
            .option = "layer.goBackwards",
            .expected = "false",
            .received = "true"});
    const int64_t h0 = core_[0]->units(), h1 = core_[1]->units();
    const bool equal = merge_ == Merge::Concat || merge_ == Merge::None;
    if (!equal && h0 != h1)
      fail(Code::ShapeMismatch,
           cat(build.name(), ": this mergeMode needs equal units, received ", h0, " and ", h1),
           {.layer = build.name(),
            .option = "mergeMode",
            .expected = "'concat' or 'none', or equal units",
            .received = cat(h0, " and ", h1, " units")});

    const int states = core_[0]->stateCount() + core_[1]->stateCount();
    fromGraph_ = takesStart(build, states);
    for (const auto& core : core_) checkStart(build, *core, fromGraph_, use_[0].stateful);
    build.expectRank(0, 3, "[batch,steps,features]");
    for (int d = 0; d < 2; ++d) {
      core_[d]->declare(build, d == 0 ? "forward/" : "backward/", build.inputs[0].shape[2]);
      if (fromGraph_) expectStart(build, static_cast<size_t>(1 + firstState(d)), *core_[d]);
      for (int s = 0; s < core_[d]->stateCount(); ++s)
        build.states.push_back({cat(d == 0 ? "forward/" : "backward/", stateName(s)),
                                core_[d]->units(), use_[0].stateful});
    }

    for (int d = 0; d < 2; ++d) direction_[d] = outputOf(build.inputs[0], core_[d]->units());
    if (merge_ == Merge::None) {
      build.outputs = {direction_[0], direction_[1]};
    } else {
      NodeOutput merged = direction_[0];
      if (merge_ == Merge::Concat) merged.shape[merged.shape.rank - 1] = h0 + h1;
      build.outputs.push_back(merged);
    }
    firstStateOutput_ = static_cast<int>(build.outputs.size());
    for (int d = 0; d < 2 && use_[0].returnState; ++d)
      for (int s = 0; s < core_[d]->stateCount(); ++s)
        build.outputs.push_back(
            {makeShape(kBatchExtent, core_[d]->units()), DType::Float32, false, false});
  }

  void forward(NodeContext& node) const override {
    ValueId result[2];
    for (int d = 0, output = firstStateOutput_; d < 2; ++d) {
      std::vector<ValueId> final;
      for (int s = 0; s < core_[d]->stateCount(); ++s, ++output) {
        final.push_back(use_[0].returnState
                            ? node.out(output)
                            : node.newValue(makeShape(kBatchExtent, core_[d]->units())));
        node.setStateOut(firstState(d) + s, final.back());
      }
      ValueId sequence = kNoValue;
      if (use_[0].returnSequences)
        sequence = merge_ == Merge::None ? node.out(d) : node.newValue(direction_[d].shape);
      core_[d]->forward(node, call(node, d), sequence, final);
      result[d] = use_[0].returnSequences ? sequence : final[0];
      node.penalize(use_[d].activity, result[d], maskOf(node));
      for (size_t s = 0; s < final.size() && use_[0].returnState; ++s)
        node.penalize(use_[d].activity, final[s], kNoValue);
      if (merge_ == Merge::None && !use_[0].returnSequences) node.setOut(d, final[0]);
    }
    if (merge_ == Merge::Concat)
      node.emit(Op::Concat, concat(), {result[0], result[1]}, {node.out(0)});
    if (merges()) node.emit(Op::Merge, mergeAttributes(), {result[0], result[1]}, {node.out(0)});
    node.saved().push_back(result[0]);
    node.saved().push_back(result[1]);
  }

  void backward(NodeContext& node) const override {
    const auto base = static_cast<size_t>(core_[0]->savedCount() + core_[1]->savedCount());
    ValueId gradient[2] = {kNoValue, kNoValue};
    if (merge_ == Merge::None) {
      gradient[0] = node.gradOut(0);
      gradient[1] = node.gradOut(1);
    } else if (node.gradOut(0) != kNoValue) {
      for (int d = 0; d < 2; ++d) gradient[d] = node.newValue(direction_[d].shape);
      if (merge_ == Merge::Concat)
        node.emit(Op::Split, concat(), {node.gradOut(0)}, {gradient[0], gradient[1]});
      else
        node.emit(Op::MergeBackward, mergeAttributes(),
                  {node.saved()[base], node.saved()[base + 1], node.gradOut(0)},
                  {gradient[0], gradient[1]});
    }
    ValueId dx[2] = {kNoValue, kNoValue};
    for (int d = 0, output = firstStateOutput_, input = 1; d < 2; ++d) {
      const PenaltyAttributes& activity = use_[d].activity;
      gradient[d] = node.gradPenalized(activity, node.saved()[base + static_cast<size_t>(d)],
                                       maskOf(node), gradient[d]);
      std::vector<ValueId> dFinal, dInitial;
      for (int s = 0; s < core_[d]->stateCount(); ++s, ++output, ++input) {
        dFinal.push_back(use_[0].returnState ? node.gradPenalized(activity, node.out(output),
                                                                  kNoValue, node.gradOut(output))
                                             : kNoValue);
        dInitial.push_back(fromGraph_ && node.wantsGradIn(input) ? node.gradIn(input) : kNoValue);
      }
      if (!use_[0].returnSequences) dFinal[0] = sumOf(node, dFinal[0], gradient[d]);
      if (node.wantsGradIn(0)) dx[d] = node.newValue(node.shapeOf(node.in(0)));
      core_[d]->backward(node, call(node, d),
                         d == 0 ? 0 : static_cast<size_t>(core_[0]->savedCount()),
                         use_[0].returnSequences ? gradient[d] : kNoValue, dFinal, dx[d], dInitial);
    }
    if (node.wantsGradIn(0)) node.setGradIn(0, sumOf(node, dx[0], dx[1]));
  }

  std::string whyNotStreamable(const Node&) const override { return "it needs the whole sequence"; }

 private:
  enum class Merge { Concat, Sum, Average, Multiply, None };

  void readCore(LayerBuild& build, const char* option, int d) {
    const OptionReader::Inner given = build.options.inner(option);
    OptionReader reader(build.name(), given.options, option);
    core_[d] = makeRecurrentCore(given.kind, reader, use_[d]);
    if (reader.has("trainable") && !reader.boolean("trainable"))
      fail(Code::Config,
           cat(build.name(), ": option ", option,
               ": one direction cannot be frozen alone; pass trainable: false to bidirectional"),
           {.layer = build.name(),
            .option = cat(option, ".trainable"),
            .expected = "true",
            .received = "false"});
    reader.finish();
  }

  NodeOutput outputOf(NodeOutput input, int64_t units) const {
    if (!use_[0].returnSequences)
      return {makeShape(kBatchExtent, units), DType::Float32, false, false};
    input.shape[2] = units;
    return input;
  }

  // The steps of the directions' sequences that count; states have none.
  ValueId maskOf(const NodeContext& node) const {
    return use_[0].returnSequences ? node.mask(0) : kNoValue;
  }

  int firstState(int d) const { return d == 0 ? 0 : core_[0]->stateCount(); }

  RecurrentCall call(NodeContext& node, int d) const {
    RecurrentCall call;
    call.x = node.in(0);
    call.mask = node.mask(0);
    for (int s = 0; s < core_[d]->stateCount(); ++s)
      call.initial.push_back(fromGraph_ ? node.in(1 + firstState(d) + s)
                                        : node.stateIn(firstState(d) + s));
    call.reverse = d == 1;
    call.repeatMasked = use_[d].repeatMasked;
    call.firstParameter = d == 0 ? 0 : core_[0]->parameterCount();
    call.prefix = d == 0 ? "forward/" : "backward/";
    return call;
  }

  bool merges() const {
    return merge_ == Merge::Sum || merge_ == Merge::Average || merge_ == Merge::Multiply;
  }
  std::shared_ptr<const void> mergeAttributes() const {
    return attributes(MergeAttributes{merge_ == Merge::Sum       ? MergeMode::Sum
                                      : merge_ == Merge::Average ? MergeMode::Average
                                                                 : MergeMode::Multiply});
  }
  std::shared_ptr<const void> concat() const {
    ConcatAttributes concat;
    concat.axis = direction_[0].shape.rank - 1;
    concat.parts = 2;
    concat.extents[0] = core_[0]->units();
    concat.extents[1] = core_[1]->units();
    return attributes(concat);
  }

  Merge merge_ = Merge::Concat;
  std::unique_ptr<RecurrentCore> core_[2];
  RecurrentUse use_[2];
  NodeOutput direction_[2];  // what each direction gives before merging
  bool fromGraph_ = false;
  int firstStateOutput_ = 1;
};

}  // namespace

std::unique_ptr<Layer> makeBidirectionalLayer() { return std::make_unique<BidirectionalLayer>(); }

}  // namespace sluice
