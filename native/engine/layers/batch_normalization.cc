// Each feature less its mean, by its deviation; Keras' BatchNormalization over the last axis. While
// training those are the batch's own, over the rows that count, and the moving ones, which are
// weights that no optimizer touches, go a little way towards them. Else, and where the layer is
// frozen, they are the moving ones.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class BatchNormalizationLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    OptionReader& options = build.options;
    attributes_.epsilon = options.number("epsilon", 0, 1);
    moving_.momentum = options.number("momentum", 0, 1);
    scale_ = options.boolean("scale");
    center_ = options.boolean("center");
    const Initializer gamma = options.initializer("gammaInitializer");
    const Initializer beta = options.initializer("betaInitializer");
    const Initializer mean = options.initializer("movingMeanInitializer");
    const Initializer variance = options.initializer("movingVarianceInitializer");
    options.boolean("trainable");
    build.expectKnownExtents(0, build.inputs[0].shape.rank - 1);
    const Shape features = makeShape(build.inputs[0].shape.last());
    if (scale_) build.parameters.push_back({"gamma", features, gamma, true});
    if (center_) build.parameters.push_back({"beta", features, beta, true});
    build.parameters.push_back({"moving_mean", features, mean, false});
    build.parameters.push_back({"moving_variance", features, variance, false});
    build.outputs.push_back(build.inputs[0]);
  }

  void forward(NodeContext& node) const override {
    ValueId statistics[2] = {node.parameter(mean()), node.parameter(mean() + 1)};
    if (ofBatch(node)) {
      for (ValueId& value : statistics) value = node.newValue(node.shapeOf(value));
      node.emit(Op::Moments, nullptr, {node.in(0), node.mask(0)}, {statistics[0], statistics[1]});
      for (int i = 0; i < 2; ++i) {
        const ValueId next = node.newValue(node.shapeOf(statistics[i]));
        node.emit(Op::MovingAverage, attributes(moving_),
                  {node.nextParameter(mean() + i), statistics[i]}, {next});
        node.setNextParameter(mean() + i, next);
      }
    }
    node.emit(Op::BatchNorm, attributes(attributes_),
              {node.in(0), statistics[0], statistics[1], scale_ ? node.parameter(0) : kNoValue,
               center_ ? node.parameter(beta()) : kNoValue},
              {node.out(0)});
    node.saved() = {statistics[0], statistics[1]};
  }

  void backward(NodeContext& node) const override {
    NormAttributes own = attributes_;
    own.ofBatch = ofBatch(node);
    const ValueId dx = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    const ValueId dGamma = scale_ ? node.gradParameter(0) : kNoValue;
    const ValueId dBeta = center_ ? node.gradParameter(beta()) : kNoValue;
    node.emit(Op::BatchNormBackward, attributes(own),
              {node.in(0), node.mask(0), node.saved()[0], node.saved()[1],
               scale_ ? node.parameter(0) : kNoValue, node.gradOut(0)},
              {dx, dGamma, dBeta});
  }

  bool mixesRows() const override { return true; }

 private:
  static bool ofBatch(const NodeContext& node) { return node.training() && !node.frozen(); }
  int beta() const { return scale_ ? 1 : 0; }
  int mean() const { return beta() + (center_ ? 1 : 0); }

  NormAttributes attributes_;
  MovingAverageAttributes moving_;
  bool scale_ = true;
  bool center_ = true;
};

}  // namespace

std::unique_ptr<Layer> makeBatchNormalizationLayer() {
  return std::make_unique<BatchNormalizationLayer>();
}

}  // namespace sluice
