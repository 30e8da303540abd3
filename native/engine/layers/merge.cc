// Several values of one shape as one, element by element; Keras' Add, Subtract, Multiply, Average,
// Maximum and Minimum. A step counts where it counts in every input.
#include "engine/layers/join_masks.h"
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class MergeLayer final : public Layer {
 public:
  explicit MergeLayer(MergeMode mode) : attributes_{mode} {}

  void build(LayerBuild& build) override {
    build.expectInputs(2, attributes_.mode == MergeMode::Subtract ? 2 : kMaxParts);
    NodeOutput output = build.inputs[0];
    for (size_t i = 0; i < build.inputs.size(); ++i) {
      build.expectFloat(i);
      const Shape& shape = build.inputs[i].shape;
      bool fits = shape.rank == output.shape.rank;
      // Two symbols may stand for one number: the run checks it.
      for (int d = 1; fits && d < shape.rank; ++d) {
        fits = shape[d] == output.shape[d] || isSymbol(shape[d]) || isSymbol(output.shape[d]);
        if (isSymbol(output.shape[d])) output.shape[d] = shape[d];
      }
      if (!fits)
        fail(Code::ShapeMismatch,
             cat(build.name(), ": input ", i, " is ", describeShape(shape), ", input 0 is ",
                 describeShape(build.inputs[0].shape), "; they must be equal"),
             {.layer = build.name(),
              .option = "inputs",
              .expected = describeShape(build.inputs[0].shape),
              .received = describeShape(shape)});
    }
    parts_ = static_cast<int>(build.inputs.size());
    joinMasked(build.inputs, output);
    build.outputs.push_back(output);
  }

  void forward(NodeContext& node) const override {
    const JoinedMask joined = joinMasks(node, parts_);
    node.setOutMask(0, joined.mask);
    const ValueId merged =
        joined.disagree ? node.newValue(node.node().outputs[0].shape) : node.out(0);
    node.emit(Op::Merge, attributes(attributes_), inputs(node), {merged});
    if (!joined.disagree) return;
    node.emit(Op::MaskSteps, nullptr, {merged, joined.mask}, {node.out(0)});
    node.saved().push_back(joined.mask);
  }

  void backward(NodeContext& node) const override {
    ValueId gradient = node.gradOut(0);
    if (!node.saved().empty()) {
      gradient = node.newValue(node.node().outputs[0].shape);
      node.emit(Op::MaskSteps, nullptr, {node.gradOut(0), node.saved()[0]}, {gradient});
    }
    if (attributes_.mode == MergeMode::Sum) {
      for (int i = 0; i < parts_; ++i)
        if (node.wantsGradIn(i)) node.setGradIn(i, gradient);
      return;
    }
    std::vector<ValueId> arguments = inputs(node), gradients;
    arguments.push_back(gradient);
    for (int i = 0; i < parts_; ++i)
      gradients.push_back(node.wantsGradIn(i) ? node.gradIn(i) : kNoValue);
    node.emit(Op::MergeBackward, attributes(attributes_), std::move(arguments),
              std::move(gradients));
  }

 private:
  std::vector<ValueId> inputs(const NodeContext& node) const {
    std::vector<ValueId> parts;
    for (int i = 0; i < parts_; ++i) parts.push_back(node.in(i));
    return parts;
  }

  MergeAttributes attributes_;
  int parts_ = 2;
};

template <MergeMode kMode>
std::unique_ptr<Layer> make() {
  return std::make_unique<MergeLayer>(kMode);
}

}  // namespace

std::unique_ptr<Layer> makeAddLayer() { return make<MergeMode::Sum>(); }
std::unique_ptr<Layer> makeAverageLayer() { return make<MergeMode::Average>(); }
std::unique_ptr<Layer> makeMaximumLayer() { return make<MergeMode::Maximum>(); }
std::unique_ptr<Layer> makeMinimumLayer() { return make<MergeMode::Minimum>(); }
std::unique_ptr<Layer> makeMultiplyLayer() { return make<MergeMode::Multiply>(); }
std::unique_ptr<Layer> makeSubtractLayer() { return make<MergeMode::Subtract>(); }

}  // namespace sluice
