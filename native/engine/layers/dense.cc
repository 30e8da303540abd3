// y = f(x W + b) over the last axis.
#include "engine/layers/layers.h"
#include "engine/layers/output_activation.h"

namespace sluice {
namespace {

constexpr int64_t kMaxUnits = int64_t{1} << 30;

class DenseLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    OptionReader& options = build.options;
    const int64_t units = options.integer("units", 1, kMaxUnits);
    activation_ = OutputActivation(options, "activation");
    useBias_ = options.boolean("useBias");
    const WeightOptions kernel = options.weight("kernel"), bias = options.weight("bias");
    activity_ = options.penalty("activityRegularizer");
    options.boolean("trainable");
    NodeOutput output = build.inputs[0];
    const int64_t features = output.shape.last();
    if (output.shape.rank < 2 || isSymbol(features))
      fail(Code::ShapeMismatch,
           cat(build.name(), ": the last extent of the input must be known, received ",
               describeShape(output.shape)),
           {.layer = build.name(),
            .option = "inputs",
            .expected = "a known last extent",
            .received = describeShape(output.shape)});
    output.shape[output.shape.rank - 1] = units;
    build.outputs.push_back(output);
    build.addWeight("kernel", makeShape(features, units), kernel);
    if (useBias_) build.addWeight("bias", makeShape(units), bias);
  }

  void forward(NodeContext& node) const override {
    const ValueId y =
        activation_.isLinear() ? node.out(0) : node.newValue(node.node().outputs[0].shape);
    node.emit(Op::Dense, nullptr,
              {node.in(0), node.parameter(0), useBias_ ? node.parameter(1) : kNoValue}, {y});
    if (!activation_.isLinear()) {
      activation_.forward(node, y, node.out(0));
      node.saved().push_back(y);
    }
    node.penalize(activity_, node.out(0), node.mask(0));
  }

  void backward(NodeContext& node) const override {
    ValueId dy = node.gradPenalized(activity_, node.out(0), node.mask(0), node.gradOut(0));
    if (!activation_.isLinear()) {
      const ValueId inner = node.newValue(node.node().outputs[0].shape);
      activation_.backward(node, node.saved()[0], node.out(0), dy, inner);
      dy = inner;
    }
    const ValueId dx = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    const ValueId dKernel = node.gradParameter(0);
    const ValueId dBias = useBias_ ? node.gradParameter(1) : kNoValue;
    node.emit(Op::DenseBackward, nullptr, {node.in(0), node.parameter(0), dy},
              {dx, dKernel, dBias});
  }

 private:
  OutputActivation activation_;
  PenaltyAttributes activity_;
  bool useBias_ = true;
};

}  // namespace

std::unique_ptr<Layer> makeDenseLayer() { return std::make_unique<DenseLayer>(); }

}  // namespace sluice
