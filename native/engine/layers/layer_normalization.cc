// What lies along some axes less its mean, by its deviation; Keras' LayerNormalization. Masks do
// not matter.
#include "engine/layers/gain_and_shift.h"
#include "engine/layers/layers.h"
#include "engine/layers/norm_axes.h"

namespace sluice {
namespace {

class LayerNormalizationLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    OptionReader& options = build.options;
    attributes_.epsilon = options.number("epsilon", 0, 1);
    options.boolean("trainable");
    axes_.build(build, options.list("axis", -kMaxRank, kMaxRank));
    own_.build(build, axes_.features());
    build.outputs.push_back(build.inputs[0]);
  }

  void forward(NodeContext& node) const override {
    const ValueId x = axes_.rows(node, node.in(0));
    const ValueId y = axes_.newRows(node, node.out(0));
    Shape rows = node.shapeOf(x);
    rows[rows.rank - 1] = 2;
    const ValueId stats = node.newValue(rows);
    node.emit(Op::LayerNorm, attributes(attributes_),
              {x, axes_.flat(node, own_.gamma(node)), axes_.flat(node, own_.beta(node))},
              {y, stats});
    axes_.finish(node, y, node.out(0));
    node.saved() = {x, stats};
  }

  void backward(NodeContext& node) const override {
    const ValueId dy = axes_.rows(node, node.gradOut(0));
    const ValueId gradIn = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    const ValueId dx = gradIn == kNoValue ? kNoValue : axes_.newRows(node, gradIn);
    const ValueId dGamma = axes_.flat(node, own_.gradGamma(node));
    const ValueId dBeta = axes_.flat(node, own_.gradBeta(node));
    node.emit(Op::LayerNormBackward, attributes(attributes_),
              {node.saved()[0], axes_.flat(node, own_.gamma(node)), node.saved()[1], dy},
              {dx, dGamma, dBeta});
    if (gradIn != kNoValue) axes_.finish(node, dx, gradIn);
  }

  std::string whyNotStreamable(const Node& node) const override {
    return node.outputs[0].sequence && axes_.has(1) ? "it normalizes over the steps" : "";
  }

 private:
  NormAttributes attributes_;
  GainAndShift own_;
  NormAxes axes_;
};

}  // namespace

std::unique_ptr<Layer> makeLayerNormalizationLayer() {
  return std::make_unique<LayerNormalizationLayer>();
}

}  // namespace sluice
