// y = f(x), element by element.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class ActivationLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    spec_ = build.options.activation("activation");
    build.outputs.push_back(build.inputs[0]);
  }
  void forward(NodeContext& node) const override {
    if (spec_.kind == ActivationKind::Linear) return node.setOut(0, node.in(0));
    node.emit(Op::Activation, attributes(spec_), {node.in(0)}, {node.out(0)});
  }
  void backward(NodeContext& node) const override {
    if (spec_.kind == ActivationKind::Linear) return node.setGradIn(0, node.gradOut(0));
    node.emit(Op::ActivationBackward, attributes(spec_), {node.out(0), node.gradOut(0)},
              {node.gradIn(0)});
  }

 private:
  ActivationSpec spec_;
};

}  // namespace

std::unique_ptr<Layer> makeActivationLayer() { return std::make_unique<ActivationLayer>(); }

}  // namespace sluice
