// Softmax along an axis that is not the batch; Keras' Softmax. Along the steps, those that are
// masked get nothing.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class SoftmaxLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    attributes_.axis = build.resolveAxis(0, "axis");
    build.outputs.push_back(build.inputs[0]);
  }
  void forward(NodeContext& node) const override {
    node.emit(Op::Softmax, attributes(attributes_), {node.in(0), mask(node)}, {node.out(0)});
  }
  void backward(NodeContext& node) const override {
    node.emit(Op::SoftmaxBackward, attributes(attributes_),
              {node.out(0), node.gradOut(0), mask(node)}, {node.gradIn(0)});
  }
  std::string whyNotStreamable(const Node& node) const override {
    return node.outputs[0].sequence && attributes_.axis == 1 ? "it needs the whole sequence" : "";
  }

 private:
  ValueId mask(const NodeContext& node) const {
    return attributes_.axis == 1 ? node.mask(0) : kNoValue;
  }

  SoftmaxAttributes attributes_;
};

}  // namespace

std::unique_ptr<Layer> makeSoftmaxLayer() { return std::make_unique<SoftmaxLayer>(); }

}  // namespace sluice
