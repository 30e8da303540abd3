// Sum, mean, largest or smallest value, or log of the sum of exponentials, over axes that are not
// the batch. Over the steps those that are masked do not count; where none is left the result is 0.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class ReduceLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    const NodeOutput& input = build.inputs[0];
    attributes_.reduction = static_cast<Reduction>(
        build.options.choice("reduction", {"sum", "mean", "max", "min", "logSumExp"}));
    const bool keeps = build.options.boolean("keepdims");
    const Value& axes = build.options.value("axis");
    if (axes.isNull()) {
      for (int i = input.batched ? 1 : 0; i < input.shape.rank; ++i) attributes_.axes |= 1 << i;
    } else {
      for (const int64_t axis : build.options.list("axis", -kMaxRank, kMaxRank)) {
        const int32_t bit = 1 << build.resolveAxis(0, "axis", axis);
        if (attributes_.axes & bit)
          fail(Code::Config, build.name() + ": option axis names an axis twice",
               {.layer = build.name(),
                .option = "axis",
                .expected = "axes, each once",
                .received = axes.text()});
        attributes_.axes |= bit;
      }
    }
    whole_ = input.shape;
    NodeOutput output = input;
    output.shape = makeShape();
    for (int i = 0; i < whole_.rank; ++i) {
      const bool gone = (attributes_.axes >> i & 1) != 0;
      if (!gone || keeps) output.shape[output.shape.rank++] = gone ? 1 : whole_[i];
      if (gone) whole_[i] = 1;
    }
    overSteps_ = input.batched && (attributes_.axes & 2) != 0;
    if (overSteps_) {
      output.masked = output.alwaysMasked = false;
      output.sequence = output.shape.rank >= 3;
      endsSteps_ = input.sequence;
    }
    build.outputs.push_back(output);
  }
  bool takesWeights() const override { return true; }

  void forward(NodeContext& node) const override {
    if (overSteps_) node.setOutMask(0, kNoValue);
    node.emit(Op::Reduce, attributes(attributes_), {node.in(0), node.mask(0)},
              {node.view(node.out(0), whole_)});
  }
  void backward(NodeContext& node) const override {
    const bool linear = attributes_.reduction <= Reduction::Mean;
    node.emit(
        Op::ReduceBackward, attributes(attributes_),
        {linear ? kNoValue : node.in(0), node.mask(0),
         linear ? kNoValue : node.view(node.out(0), whole_), node.view(node.gradOut(0), whole_)},
        {node.gradIn(0)});
  }
  std::string whyNotStreamable(const Node&) const override {
    return endsSteps_ ? "it needs the whole sequence" : "";
  }

 private:
  ReduceAttributes attributes_;
  Shape whole_;  // the result with all axes, those that are gone being 1
  bool overSteps_ = false, endsSteps_ = false;
};

}  // namespace

std::unique_ptr<Layer> makeReduceLayer() { return std::make_unique<ReduceLayer>(); }

}  // namespace sluice
