// y = f(x): element by element, or softmax over the last axis.
#include "engine/layers/layers.h"
#include "engine/layers/output_activation.h"

namespace sluice {
namespace {

class ActivationLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    activation_ = OutputActivation(build.options, "activation");
    build.outputs.push_back(build.inputs[0]);
  }
  bool takesWeights() const override { return true; }
  void forward(NodeContext& node) const override {
    if (activation_.isLinear()) return node.setOut(0, node.in(0));
    activation_.forward(node, node.in(0), node.out(0));
  }
  void backward(NodeContext& node) const override {
    if (activation_.isLinear()) return node.setGradIn(0, node.gradOut(0));
    activation_.backward(node, node.in(0), node.out(0), node.gradOut(0), node.gradIn(0));
  }

 private:
  OutputActivation activation_;
};

}  // namespace

std::unique_ptr<Layer> makeActivationLayer() { return std::make_unique<ActivationLayer>(); }

}  // namespace sluice
