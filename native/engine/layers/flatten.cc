// All axes behind the batch as one. A view: nothing is copied.
#include "engine/core/memory.h"
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class FlattenLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    const NodeOutput& input = build.inputs[0];
    build.expectKnownExtents(0, 1);
    Shape row = input.shape;
    row[0] = 1;
    joinsSteps_ = input.sequence;
    build.outputs.push_back({makeShape(kBatchExtent, requireElements(row, build.name())),
                             DType::Float32, false, false});
  }
  void forward(NodeContext& node) const override {
    node.setOut(0, node.view(node.in(0), node.node().outputs[0].shape));
  }
  void backward(NodeContext& node) const override {
    node.setGradIn(0, node.view(node.gradOut(0), node.shapeOf(node.in(0))));
  }
  std::string whyNotStreamable(const Node&) const override {
    return joinsSteps_ ? "it joins steps" : "";
  }

 private:
  bool joinsSteps_ = false;
};

}  // namespace

std::unique_ptr<Layer> makeFlattenLayer() { return std::make_unique<FlattenLayer>(); }

}  // namespace sluice
