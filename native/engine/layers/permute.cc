// Changes the order of the axes behind the batch; Keras' Permute.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class PermuteLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    const NodeOutput& input = build.inputs[0];
    const auto dims = build.options.list("dims", 1, kMaxRank - 1);
    const auto rank = static_cast<size_t>(input.shape.rank);
    bool fits = dims.size() + 1 == rank;
    int32_t seen = 1;  // bit i: axis i is there
    for (size_t i = 1; fits && i < rank; ++i) {
      const int64_t axis = dims[i - 1];
      fits = axis >= 1 && axis < static_cast<int64_t>(rank) && (seen >> axis & 1) == 0;
      if (!fits) break;
      seen |= 1 << axis;
      forward_.axes[i] = static_cast<int32_t>(axis);
      backward_.axes[axis] = static_cast<int32_t>(i);
    }
    if (!fits)
      fail(Code::ShapeMismatch,
           cat(build.name(), ": option dims must name each axis of ", describeShape(input.shape),
               " behind the batch once, from 1 to ", rank - 1),
           {.layer = build.name(),
            .option = "dims",
            .expected = cat("1..", rank - 1),
            .received = cat(dims.size(), " axes")});
    movesSteps_ = forward_.axes[1] != 1;
    NodeOutput output = input;
    for (size_t i = 1; i < rank; ++i)
      output.shape[static_cast<int>(i)] = input.shape[forward_.axes[i]];
    if (movesSteps_) output.masked = output.alwaysMasked = false;
    build.outputs.push_back(output);
  }
  void forward(NodeContext& node) const override {
    if (movesSteps_) node.setOutMask(0, kNoValue);
    node.emit(Op::Permute, attributes(forward_), {node.in(0)}, {node.out(0)});
  }
  void backward(NodeContext& node) const override {
    node.emit(Op::Permute, attributes(backward_), {node.gradOut(0)}, {node.gradIn(0)});
  }
  std::string whyNotStreamable(const Node& node) const override {
    return movesSteps_ && node.outputs[0].sequence ? "it moves the axis of steps" : "";
  }

 private:
  PermuteAttributes forward_, backward_;
  bool movesSteps_ = false;
};

}  // namespace

std::unique_ptr<Layer> makePermuteLayer() { return std::make_unique<PermuteLayer>(); }

}  // namespace sluice
