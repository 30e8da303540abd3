// A layer of one input applied to each step of a sequence alone; Keras' TimeDistributed. The inner
// layer sees the steps of all rows as the rows of one batch: views of the same memory, no copies.
#include <algorithm>

#include "engine/layers/layers.h"

namespace sluice {
namespace {

// [batch,steps,...] as [rows,...]
Shape withoutSteps(const Shape& shape) {
  Shape inner = makeShape(shape[0]);
  for (int i = 2; i < shape.rank; ++i) inner[inner.rank++] = shape[i];
  return inner;
}

// What the inner layer sees: its batch is each step of each row.
class StepContext final : public NodeContext {
 public:
  StepContext(NodeContext& outer, const Node& inner) : outer_(outer), inner_(inner) {
    const Shape& x = outer.shapeOf(outer.in(0));
    rows_ = outer.product(x[0], x[1]);
  }

  const Node& node() const override { return inner_; }
  bool training() const override { return outer_.training(); }
  bool keepsForBackward() const override { return outer_.keepsForBackward(); }
  bool savesMemory() const override { return outer_.savesMemory(); }
  WeightsType weights() const override { return WeightsType::Float32; }
  ValueId in(int) const override { return folded(outer_.in(0)); }
  ValueId mask(int) const override { return kNoValue; }
  ValueId parameter(int i) const override { return outer_.parameter(i); }
  ValueId nextParameter(int i) const override { return outer_.nextParameter(i); }
  void setNextParameter(int i, ValueId value) override { outer_.setNextParameter(i, value); }
  bool frozen() const override { return outer_.frozen(); }
  ValueId stateIn(int) const override { return kNoValue; }
  void setStateOut(int, ValueId) override {}
  ValueId out(int) override { return folded(outer_.out(0)); }
  void setOut(int, ValueId value) override { outer_.setOut(0, unfolded(value)); }
  void setOutMask(int, ValueId) override {}

  ValueId newValue(const Shape& shape, DType dtype) override {
    Shape outside = shape;
    if (shape.rank > 0 && shape[0] == kBatchExtent) outside[0] = rows_;
    return outer_.newValue(outside, dtype);
  }
  ValueId view(ValueId value, const Shape& shape) override {
    Shape outside = shape;
    if (shape.rank > 0 && shape[0] == kBatchExtent) outside[0] = rows_;
    return outer_.view(value, outside);
  }
  int64_t product(int64_t a, int64_t b) override {
    return outer_.product(a == kBatchExtent ? rows_ : a, b == kBatchExtent ? rows_ : b);
  }
  ValueId newWeights(const Shape& shape) override { return outer_.newWeights(shape); }
  ValueId newOpaque() override { return outer_.newOpaque(); }
  Shape shapeOf(ValueId value) const override {
    Shape shape = outer_.shapeOf(value);
    if (shape.rank > 0 && shape[0] == rows_) shape[0] = kBatchExtent;
    return shape;
  }
  void emit(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
            std::vector<ValueId> out) override {
    outer_.emit(op, std::move(attributes), std::move(in), std::move(out));
  }
  void emitFirst(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
                 std::vector<ValueId> out) override {
    outer_.emitFirst(op, std::move(attributes), std::move(in), std::move(out));
  }
  void emitLast(Op op, std::shared_ptr<const void> attributes, std::vector<ValueId> in,
                std::vector<ValueId> out) override {
    outer_.emitLast(op, std::move(attributes), std::move(in), std::move(out));
  }
  // Steps count as those of a sequence, with its mask.
  void penalize(const PenaltyAttributes& penalty, ValueId value, ValueId) override {
    outer_.penalize(penalty, unfolded(value), outer_.mask(0));
  }
  ValueId gradPenalized(const PenaltyAttributes& penalty, ValueId value, ValueId,
                        ValueId gradient) override {
    return folded(
        outer_.gradPenalized(penalty, unfolded(value), outer_.mask(0), unfolded(gradient)));
  }
  std::vector<ValueId>& saved() override { return outer_.saved(); }

  ValueId gradOut(int) const override { return folded(outer_.gradOut(0)); }
  bool wantsGradIn(int) const override { return outer_.wantsGradIn(0); }
  ValueId gradIn(int) override { return folded(outer_.gradIn(0)); }
  void setGradIn(int, ValueId value) override {
    outer_.setGradIn(0, outer_.view(value, outer_.shapeOf(outer_.in(0))));
  }
  ValueId gradParameter(int i) override { return outer_.gradParameter(i); }

 private:
  ValueId unfolded(ValueId value) const {
    return value == kNoValue ? value : outer_.view(value, outer_.node().outputs[0].shape);
  }
  ValueId folded(ValueId value) const {
    if (value == kNoValue) return value;
    Shape shape = withoutSteps(outer_.shapeOf(value));
    shape[0] = rows_;
    return outer_.view(value, shape);
  }

  NodeContext& outer_;
  const Node& inner_;
  int64_t rows_ = 0;
};

class TimeDistributedLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectSequence(0);
    build.options.boolean("trainable");
    const NodeOutput& input = build.inputs[0];
    const std::string what = build.name() + ": option layer";
    const OptionReader::Inner given = build.options.inner("layer");
    OptionReader reader(build.name(), given.options, "layer");
    NodeOutput step{withoutSteps(input.shape), input.dtype, false, false};
    step.sequence = step.shape.rank >= 3;
    LayerBuild inner = build.inner(reader, {step});
    inner_.kind = given.kind;
    inner_.name = build.name();
    inner_.layer = makeLayer(inner_.kind, build.name());
    inner_.layer->build(inner);
    const bool trains =
        std::any_of(inner.parameters.begin(), inner.parameters.end(),
                    [](const LayerBuild::ParameterSpec& parameter) { return parameter.trainable; });
    if (reader.has("trainable") && !reader.boolean("trainable") && trains)
      fail(Code::Config, what + ": freeze the layer by passing trainable: false to timeDistributed",
           {.layer = build.name(),
            .option = "layer.trainable",
            .expected = "true",
            .received = "false"});
    reader.finish();
    requireStepwise(build, inner);
    inner_.outputs = inner.outputs;
    NodeOutput output = input;
    output.dtype = inner.outputs[0].dtype;
    output.shape = makeShape(input.shape[0], input.shape[1]);
    for (int i = 1; i < inner.outputs[0].shape.rank; ++i)
      output.shape[output.shape.rank++] = inner.outputs[0].shape[i];
    build.outputs.push_back(output);
    build.parameters = inner.parameters;
    build.ids = inner.ids;
  }

  void forward(NodeContext& node) const override {
    StepContext step(node, inner_);
    inner_.layer->forward(step);
  }
  void backward(NodeContext& node) const override {
    StepContext step(node, inner_);
    inner_.layer->backward(step);
  }

 private:
  void requireStepwise(const LayerBuild& build, const LayerBuild& inner) const {
    const auto refuse = [&](const std::string& why) {
      fail(Code::Unsupported, cat(build.name(), ": ", inner_.kind, " cannot be its layer: ", why),
           {.layer = build.name(),
            .option = "layer",
            .expected = "a layer that works on each step alone",
            .received = inner_.kind});
    };
    if (inner.outputs.size() != 1) refuse("it gives several values");
    if (inner.outputs[0].shape.rank >= kMaxRank) refuse("the result has too many axes");
    for (const auto& state : inner.states)
      if (state.carried) refuse("a stateful layer carries one state a row, not one a step");
    if (inner_.layer->mixesRows()) refuse("it looks at all rows; use it without timeDistributed");
  }

  Node inner_;
};

}  // namespace

std::unique_ptr<Layer> makeTimeDistributedLayer() {
  return std::make_unique<TimeDistributedLayer>();
}

}  // namespace sluice
