// Each row of features less its mean, by its deviation; Keras' LayerNormalization over the last
// axis.
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
    scale_ = options.boolean("scale");
    center_ = options.boolean("center");
    const Initializer gamma = options.initializer("gammaInitializer");
    const Initializer beta = options.initializer("betaInitializer");
    options.boolean("trainable");
    build.expectKnownExtents(0, build.inputs[0].shape.rank - 1);
    const Shape features = makeShape(build.inputs[0].shape.last());
    if (scale_) build.parameters.push_back({"gamma", features, gamma, true});
    if (center_) build.parameters.push_back({"beta", features, beta, true});
    build.outputs.push_back(build.inputs[0]);
  }

  void forward(NodeContext& node) const override {
    Shape rows = node.shapeOf(node.in(0));
    rows[rows.rank - 1] = 2;
    const ValueId stats = node.newValue(rows);
    node.emit(Op::LayerNorm, attributes(attributes_),
              {node.in(0), scale_ ? node.parameter(0) : kNoValue,
               center_ ? node.parameter(beta()) : kNoValue},
              {node.out(0), stats});
    node.saved().push_back(stats);
  }

  void backward(NodeContext& node) const override {
    const ValueId dx = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    const ValueId dGamma = scale_ ? node.gradParameter(0) : kNoValue;
    const ValueId dBeta = center_ ? node.gradParameter(beta()) : kNoValue;
    node.emit(Op::LayerNormBackward, attributes(attributes_),
              {node.in(0), scale_ ? node.parameter(0) : kNoValue, node.saved()[0], node.gradOut(0)},
              {dx, dGamma, dBeta});
  }

 private:
  int beta() const { return scale_ ? 1 : 0; }

  NormAttributes attributes_;
  bool scale_ = true;
  bool center_ = true;
};

}  // namespace

std::unique_ptr<Layer> makeLayerNormalizationLayer() {
  return std::make_unique<LayerNormalizationLayer>();
}

}  // namespace sluice
