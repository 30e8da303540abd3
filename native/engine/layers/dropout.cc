// In training, each element is zeroed with probability `rate` and the rest scaled by 1/(1-rate).
#include "engine/core/random.h"
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class DropoutLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    attributes_.rate = build.options.rate("rate");
    attributes_.stream = randomStream(build.name());
    build.outputs.push_back(build.inputs[0]);
  }
  void forward(NodeContext& node) const override {
    if (!active(node)) return node.setOut(0, node.in(0));
    node.emit(Op::Dropout, attributes(attributes_), {node.in(0)}, {node.out(0)});
  }
  // The mask is a function of counters, so that backward draws it again instead of keeping it.
  void backward(NodeContext& node) const override {
    if (!active(node)) return node.setGradIn(0, node.gradOut(0));
    node.emit(Op::Dropout, attributes(attributes_), {node.gradOut(0)}, {node.gradIn(0)});
  }

 private:
  bool active(const NodeContext& node) const { return node.training() && attributes_.rate > 0; }

  DropoutAttributes attributes_;
};

}  // namespace

std::unique_ptr<Layer> makeDropoutLayer() { return std::make_unique<DropoutLayer>(); }

}  // namespace sluice
