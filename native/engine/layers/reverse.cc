// Reverses the steps of each row among its valid steps; padding stays where it is.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class ReverseLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    build.expectSequence(0);
    build.outputs.push_back(build.inputs[0]);
  }
  void forward(NodeContext& node) const override {
    node.emit(Op::Reverse, nullptr, {node.in(0), node.mask(0)}, {node.out(0)});
  }
  void backward(NodeContext& node) const override {
    node.emit(Op::Reverse, nullptr, {node.gradOut(0), node.mask(0)}, {node.gradIn(0)});
  }
  std::string whyNotStreamable(const Node&) const override { return "it needs the whole sequence"; }
};

}  // namespace

std::unique_ptr<Layer> makeReverseLayer() { return std::make_unique<ReverseLayer>(); }

}  // namespace sluice
