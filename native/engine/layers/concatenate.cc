// Joins its inputs along an axis that is not the batch; all other extents are equal. Where several
// inputs carry a mask, a step is valid where all of them say so; the others are zeroed, since an
// input may hold anything at a step that only another one masks.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class ConcatenateLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, kMaxParts);
    NodeOutput output = build.inputs[0];
    const int rank = output.shape.rank;
    const auto axis = static_cast<int>(build.options.integer("axis", -kMaxRank, kMaxRank));
    const int resolved = axis < 0 ? axis + rank : axis;
    if (resolved < 1 || resolved >= rank)
      fail(Code::Config,
           cat(build.name(), ": option axis ", axis, " is not an axis of ",
               describeShape(output.shape), " behind the batch"),
           {.layer = build.name(), .option = "axis", .received = cat(axis)});
    attributes_.axis = resolved;
    attributes_.parts = static_cast<int32_t>(build.inputs.size());
    output.masked = false;
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
              .expected = describeShape(build.inputs[0].shape),
              .received = describeShape(input.shape)});
      for (int d = 1; d < rank; ++d)
        if (isSymbol(output.shape[d])) output.shape[d] = input.shape[d];
      attributes_.extents[i] = input.shape[resolved];
      sum += input.shape[resolved];
      output.masked = output.masked || (input.masked && resolved != 1);
    }
    output.shape[resolved] = sum;
    build.outputs.push_back(output);
  }

  void forward(NodeContext& node) const override {
    std::vector<ValueId> parts;
    ValueId mask = kNoValue;
    bool disagree = false;  // whether some input's own mask is not the result
    for (int i = 0; i < attributes_.parts; ++i) {
      parts.push_back(node.in(i));
      const ValueId other = node.mask(i);
      if (attributes_.axis == 1) continue;
      disagree = disagree || (i > 0 && other != mask);
      if (other == kNoValue || other == mask) continue;
      if (mask == kNoValue) {
        mask = other;
        continue;
      }
      const ValueId both = node.newValue(node.shapeOf(mask), DType::Bool);
      node.emit(Op::MaskAnd, nullptr, {mask, other}, {both});
      mask = both;
    }
    node.setOutMask(0, mask);
    const ValueId joined = disagree ? node.newValue(node.node().outputs[0].shape) : node.out(0);
    node.emit(Op::Concat, attributes(attributes_), parts, {joined});
    if (!disagree) return;
    node.emit(Op::MaskSteps, nullptr, {joined, mask}, {node.out(0)});
    node.saved().push_back(mask);
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
