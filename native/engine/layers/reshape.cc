// The same elements in another shape behind the batch. A view: nothing is copied. Where the first
// axis stays what it is, steps stay steps and keep their mask.
#include "engine/core/memory.h"
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class ReshapeLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    const NodeOutput& input = build.inputs[0];
    Shape target = readTarget(build);
    if (build.steps >= 0 && input.sequence && target[1] != -1) target[1] = build.steps;
    fit(build, target);
    keepsSteps_ = input.sequence && target.rank >= 3 && target[1] == input.shape[1];
    changesSteps_ = input.sequence && !keepsSteps_;
    NodeOutput output = keepsSteps_ ? input : NodeOutput{};
    output.shape = target;
    output.sequence = target.rank >= 3;
    build.outputs.push_back(output);
  }
  void forward(NodeContext& node) const override {
    if (!keepsSteps_) node.setOutMask(0, kNoValue);
    node.setOut(0, node.view(node.in(0), node.node().outputs[0].shape));
  }
  void backward(NodeContext& node) const override {
    node.setGradIn(0, node.view(node.gradOut(0), node.shapeOf(node.in(0))));
  }
  std::string whyNotStreamable(const Node&) const override {
    return changesSteps_ ? "it changes what a step is" : "";
  }

 private:
  // With the batch; -1 stays in place of the extent that follows from the others.
  Shape readTarget(LayerBuild& build) const {
    const std::string what = build.name() + ": option targetShape";
    const auto extents = build.options.list("targetShape", -1, kMaxElements);
    if (extents.empty() || extents.size() >= kMaxRank)
      fail(Code::Config,
           cat(what, " has 1 to ", kMaxRank - 1, " extents, received ", extents.size()),
           {.layer = build.name(),
            .option = "targetShape",
            .expected = cat("1 to ", kMaxRank - 1, " extents"),
            .received = cat(extents.size())});
    Shape target = makeShape(kBatchExtent);
    int open = 0;
    for (const int64_t n : extents) {
      if (n == -1) ++open;
      if (n == 0 || open > 1)
        fail(Code::Config, cat(what, ": extents are at least 1, one may be -1, received ", n),
             {.layer = build.name(),
              .option = "targetShape",
              .expected = "at least 1, or one -1",
              .received = cat(n)});
      target[target.rank++] = n;
    }
    return target;
  }

  // Puts in what -1 stands for. An unknown extent of the input can only stay whole.
  void fit(LayerBuild& build, Shape& target) const {
    const Shape& input = build.inputs[0].shape;
    Shape known = input, wanted = target;
    int64_t symbol = 0;
    int symbols = 0, open = -1;
    known[0] = wanted[0] = 1;
    for (int i = 1; i < input.rank; ++i)
      if (isSymbol(input[i])) {
        ++symbols;
        symbol = input[i];
        known[i] = 1;
      }
    for (int i = 1; i < target.rank; ++i)
      if (target[i] == -1) {
        open = i;
        wanted[i] = 1;
      }
    const int64_t have = requireElements(known, build.name());
    const int64_t want = requireElements(wanted, build.name());
    const bool fits = symbols == 0   ? (open < 0 ? have == want : have % want == 0)
                      : symbols == 1 ? open >= 0 && have == want
                                     : false;
    if (!fits) {
      Shape shown = target;  // -1 is shown as null
      fail(Code::ShapeMismatch,
           cat(build.name(), ": ", describeShape(input), " cannot become ", describeShape(shown),
               symbols > 0 ? "; an unknown extent stays whole, as the one that is -1" : ""),
           {.layer = build.name(),
            .option = "targetShape",
            .expected = describeShape(shown),
            .received = describeShape(input)});
    }
    if (open >= 0) target[open] = symbols == 1 ? symbol : have / want;
  }

  bool keepsSteps_ = false;
  bool changesSteps_ = false;
};

}  // namespace

std::unique_ptr<Layer> makeReshapeLayer() { return std::make_unique<ReshapeLayer>(); }

}  // namespace sluice
