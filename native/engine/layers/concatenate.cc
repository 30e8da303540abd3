// Joins its inputs along an axis that is not the batch; all other extents are equal. Where several
// inputs carry a mask, a step is valid where all of them say so; the others are zeroed, since an
// input may hold anything at a step that only another one masks.
#include "engine/layers/join_masks.h"
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class ConcatenateLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, kMaxParts);
    NodeOutput output = build.inputs[0];
    const int rank = output.shape.rank;
    const int resolved = build.resolveAxis(0, "axis");
    attributes_.axis = resolved;
    attributes_.parts = static_cast<int32_t>(build.inputs.size());
    joinMasked(build.inputs, output);
    if (resolved == 1) output.masked = output.alwaysMasked = false;
    int64_t sum = 0;
    for (size_t i = 0; i < build.inputs.size(); ++i) {
      build.expectFloat(i);
      const NodeOutput& input = build.inputs[i];
      bool fits = input.shape.rank == rank && !isSymbol(input.shape[resolved]);
      // Two symbols may stand for one number: the run checks it.
      for (int d = 1; fits && d < rank; ++d)
        fits = d == resolved || input.shape[d] == output.shape[d] || isSymbol(input.shape[d]) ||
               isSymbol(output.shape[d]);
      if (!fits)
        fail(Code::ShapeMismatch,
             cat(build.name(), ": input ", i, " is ", describeShape(input.shape), ", input 0 is ",
                 describeShape(build.inputs[0].shape), "; they may differ along axis ", resolved,
                 " only, whose extents must be known"),
             {.layer = build.name(),
              .option = "inputs",
              .expected = describeShape(build.inputs[0].shape),
              .received = describeShape(input.shape)});
      for (int d = 1; d < rank; ++d)
        if (isSymbol(output.shape[d])) output.shape[d] = input.shape[d];
      attributes_.extents[i] = input.shape[resolved];
      sum += input.shape[resolved];
    }
    output.shape[resolved] = sum;
    build.outputs.push_back(output);
  }

  void forward(NodeContext& node) const override {
    std::vector<ValueId> parts;
    for (int i = 0; i < attributes_.parts; ++i) parts.push_back(node.in(i));
    // Joined along the steps, there are others.
    const JoinedMask joined =
        attributes_.axis == 1 ? JoinedMask{} : joinMasks(node, attributes_.parts);
    node.setOutMask(0, joined.mask);
    const ValueId whole =
        joined.disagree ? node.newValue(node.node().outputs[0].shape) : node.out(0);
    node.emit(Op::Concat, attributes(attributes_), parts, {whole});
    if (!joined.disagree) return;
    node.emit(Op::MaskSteps, nullptr, {whole, joined.mask}, {node.out(0)});
    node.saved().push_back(joined.mask);
  }

  void backward(NodeContext& node) const override {
    std::vector<ValueId> parts;
    for (int i = 0; i < attributes_.parts; ++i)
      parts.push_back(node.wantsGradIn(i) ? node.gradIn(i) : kNoValue);
    ValueId gradient = node.gradOut(0);
    if (!node.saved().empty()) {
      gradient = node.newValue(node.node().outputs[0].shape);
      node.emit(Op::MaskSteps, nullptr, {node.gradOut(0), node.saved()[0]}, {gradient});
    }
    node.emit(Op::Split, attributes(attributes_), {gradient}, parts);
  }

  std::string whyNotStreamable(const Node&) const override {
    return attributes_.axis == 1 ? "it joins steps" : "";
  }

 private:
  ConcatAttributes attributes_;
};

}  // namespace

std::unique_ptr<Layer> makeConcatenateLayer() { return std::make_unique<ConcatenateLayer>(); }

}  // namespace sluice
