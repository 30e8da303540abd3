// Each row of features less its mean, by its deviation; Keras' LayerNormalization over the last
// axis.
#include "engine/layers/gain_and_shift.h"
#include "engine/layers/layers.h"

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
    build.expectKnownExtents(0, build.inputs[0].shape.rank - 1);
    own_.build(build, makeShape(build.inputs[0].shape.last()));
    build.outputs.push_back(build.inputs[0]);
  }

  void forward(NodeContext& node) const override {
    Shape rows = node.shapeOf(node.in(0));
    rows[rows.rank - 1] = 2;
    const ValueId stats = node.newValue(rows);
    node.emit(Op::LayerNorm, attributes(attributes_),
              {node.in(0), own_.gamma(node), own_.beta(node)}, {node.out(0), stats});
    node.saved().push_back(stats);
  }

  void backward(NodeContext& node) const override {
    const ValueId dx = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    const ValueId dGamma = own_.gradGamma(node), dBeta = own_.gradBeta(node);
    node.emit(Op::LayerNormBackward, attributes(attributes_),
              {node.in(0), own_.gamma(node), node.saved()[0], node.gradOut(0)},
              {dx, dGamma, dBeta});
  }

 private:
  NormAttributes attributes_;
  GainAndShift own_;
};

}  // namespace

std::unique_ptr<Layer> makeLayerNormalizationLayer() {
  return std::make_unique<LayerNormalizationLayer>();
}

}  // namespace sluice
