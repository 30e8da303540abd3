// Leaves out the steps whose features all equal a value; Keras' Masking. What a step that is left
// out holds becomes zero.
#include "engine/layers/layers.h"
#include "engine/layers/step_mask.h"

namespace sluice {
namespace {

class MaskingLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    constexpr double kMost = 3.4028234663852886e38;  // of float32
    build.expectInputs(1, 1);
    build.expectFloat(0);
    build.expectSequence(0);
    // As float32 has it, whatever the plan computes in.
    value_ = static_cast<float>(build.options.number("maskValue", -kMost, kMost));
    build.outputs.push_back(build.inputs[0]);
    build.outputs[0].masked = build.outputs[0].alwaysMasked = true;
  }
  void forward(NodeContext& node) const override {
    const ValueId mask = emitStepMask(node, value_);
    node.emit(Op::MaskSteps, nullptr, {node.in(0), mask}, {node.out(0)});
    node.saved().push_back(mask);
  }
  void backward(NodeContext& node) const override {
    node.emit(Op::MaskSteps, nullptr, {node.gradOut(0), node.saved()[0]}, {node.gradIn(0)});
  }

 private:
  double value_ = 0;
};

}  // namespace

ValueId emitStepMask(NodeContext& node, double value) {
  const Shape& x = node.shapeOf(node.in(0));
  const ValueId mask = node.newValue(makeShape(x[0], x[1]), DType::Bool);
  node.emit(Op::StepMask, attributes(StepMaskAttributes{value}), {node.in(0), node.mask(0)},
            {mask});
  node.setOutMask(0, mask);
  return mask;
}

std::unique_ptr<Layer> makeMaskingLayer() { return std::make_unique<MaskingLayer>(); }

}  // namespace sluice
