// A weight by itself, for `ops`: a value without a batch axis.
#include "engine/core/memory.h"
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class WeightLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(0, 0);
    const auto extents = build.options.list("shape", 1, kMaxElements);
    if (extents.size() > kMaxRank)
      fail(Code::Config, cat(build.name(), ": option shape has at most ", kMaxRank, " extents"),
           {.layer = build.name(),
            .option = "shape",
            .expected = cat("at most ", kMaxRank, " extents"),
            .received = cat(extents.size())});
    NodeOutput output;
    output.batched = false;
    output.shape = makeShape();
    for (const int64_t n : extents) output.shape[output.shape.rank++] = n;
    build.addWeight("value", output.shape, build.options.weight("value"));
    build.options.boolean("trainable");
    build.outputs.push_back(output);
  }
  void forward(NodeContext& node) const override { node.setOut(0, node.parameter(0)); }
  void backward(NodeContext& node) const override {
    const ValueId gradient = node.gradParameter(0);
    if (gradient == kNoValue) return;
    // A sum over no axis.
    node.emit(Op::Reduce, attributes(ReduceAttributes{}), {node.gradOut(0), kNoValue}, {gradient});
  }
};

// The same value; what flows back ends here.
class StopGradientLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    build.outputs.push_back(build.inputs[0]);
  }
  bool takesWeights() const override { return true; }
  void forward(NodeContext& node) const override { node.setOut(0, node.in(0)); }
  void backward(NodeContext&) const override {}
};

}  // namespace

std::unique_ptr<Layer> makeWeightLayer() { return std::make_unique<WeightLayer>(); }
std::unique_ptr<Layer> makeStopGradientLayer() { return std::make_unique<StopGradientLayer>(); }

}  // namespace sluice
