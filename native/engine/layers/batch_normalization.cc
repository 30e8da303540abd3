// Each feature less its mean, by its deviation; Keras' BatchNormalization over the last axis. While
// training those are the batch's own, over the rows that count, and the moving ones, which are
// weights that no optimizer touches, go a little way towards them. Else, and where the layer is
// frozen, they are the moving ones.
#include "engine/layers/gain_and_shift.h"
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
    const Initializer mean = options.initializer("movingMeanInitializer");
    const Initializer variance = options.initializer("movingVarianceInitializer");
    options.boolean("trainable");
    build.expectKnownExtents(0, build.inputs[0].shape.rank - 1);
    const Shape features = makeShape(build.inputs[0].shape.last());
    own_.build(build, features);
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
              {node.in(0), statistics[0], statistics[1], own_.gamma(node), own_.beta(node)},
              {node.out(0)});
    node.saved() = {statistics[0], statistics[1]};
  }

  void backward(NodeContext& node) const override {
    NormAttributes attributesOfRun = attributes_;
    attributesOfRun.ofBatch = ofBatch(node);
    const ValueId dx = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    const ValueId dGamma = own_.gradGamma(node), dBeta = own_.gradBeta(node);
    node.emit(Op::BatchNormBackward, attributes(attributesOfRun),
              {node.in(0), node.mask(0), node.saved()[0], node.saved()[1], own_.gamma(node),
               node.gradOut(0)},
              {dx, dGamma, dBeta});
  }

  bool mixesRows() const override { return true; }

 private:
  static bool ofBatch(const NodeContext& node) { return node.training() && !node.frozen(); }
  int mean() const { return own_.parameterCount(); }

  NormAttributes attributes_;
  MovingAverageAttributes moving_;
  GainAndShift own_;
};

}  // namespace

std::unique_ptr<Layer> makeBatchNormalizationLayer() {
  return std::make_unique<BatchNormalizationLayer>();
}

}  // namespace sluice
