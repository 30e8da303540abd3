// Each feature, which is a position along an axis, less its mean, by its deviation; Keras'
// BatchNormalization. While training those are the batch's own, over the rows that count, and the
// moving ones, which are weights that no optimizer touches, go a little way towards them. Else, and
// where the layer is frozen, they are the moving ones.
#include "engine/layers/gain_and_shift.h"
#include "engine/layers/layers.h"
#include "engine/layers/norm_axes.h"

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
    axes_.build(build, {options.integer("axis", -kMaxRank, kMaxRank)});
    ofSteps_ = build.inputs[0].sequence && axes_.has(1);
    const Shape features = axes_.features();
    own_.build(build, features);
    build.parameters.push_back({"moving_mean", features, mean, false});
    build.parameters.push_back({"moving_variance", features, variance, false});
    build.outputs.push_back(build.inputs[0]);
  }

  void forward(NodeContext& node) const override {
    ValueId statistics[2] = {node.parameter(mean()), node.parameter(mean() + 1)};
    const ValueId x = axes_.rows(node, node.in(0));
    if (ofBatch(node)) {
      for (ValueId& value : statistics) value = node.newValue(node.shapeOf(value));
      node.emit(Op::Moments, nullptr, {x, rowMask(node)}, {statistics[0], statistics[1]});
      for (int i = 0; i < 2; ++i) {
        const ValueId next = node.newValue(node.shapeOf(statistics[i]));
        node.emit(Op::MovingAverage, attributes(moving_),
                  {node.nextParameter(mean() + i), statistics[i]}, {next});
        node.setNextParameter(mean() + i, next);
      }
    }
    const ValueId y = axes_.newRows(node, node.out(0));
    node.emit(Op::BatchNorm, attributes(attributes_),
              {x, statistics[0], statistics[1], own_.gamma(node), own_.beta(node)}, {y});
    axes_.finish(node, y, node.out(0));
    node.saved() = {x, statistics[0], statistics[1]};
  }

  void backward(NodeContext& node) const override {
    NormAttributes attributesOfRun = attributes_;
    attributesOfRun.ofBatch = ofBatch(node);
    const ValueId dy = axes_.rows(node, node.gradOut(0));
    const ValueId gradIn = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    const ValueId dx = gradIn == kNoValue ? kNoValue : axes_.newRows(node, gradIn);
    const ValueId dGamma = own_.gradGamma(node), dBeta = own_.gradBeta(node);
    const auto& saved = node.saved();
    node.emit(Op::BatchNormBackward, attributes(attributesOfRun),
              {saved[0], rowMask(node), saved[1], saved[2], own_.gamma(node), dy},
              {dx, dGamma, dBeta});
    if (gradIn != kNoValue) axes_.finish(node, dx, gradIn);
  }

  bool mixesRows() const override { return true; }
  std::string whyNotStreamable(const Node&) const override {
    return ofSteps_ ? "each step has statistics of its own" : "";
  }

 private:
  static bool ofBatch(const NodeContext& node) { return node.training() && !node.frozen(); }
  // The mask of the steps, which are rows of the statistics, not features.
  ValueId rowMask(const NodeContext& node) const {
    const ValueId mask = node.mask(0);
    if (!ofSteps_ || mask == kNoValue) return mask;
    if (ofBatch(node))
      fail(Code::Unsupported,
           node.node().name + ": training with a mask is not possible where each step is a feature",
           {.layer = node.node().name,
            .option = "axis",
            .expected = "another axis, or no mask",
            .received = "the axis of the steps"});
    return kNoValue;
  }
  int mean() const { return own_.parameterCount(); }

  NormAttributes attributes_;
  MovingAverageAttributes moving_;
  GainAndShift own_;
  NormAxes axes_;
  bool ofSteps_ = false;
};

}  // namespace

std::unique_ptr<Layer> makeBatchNormalizationLayer() {
  return std::make_unique<BatchNormalizationLayer>();
}

}  // namespace sluice
