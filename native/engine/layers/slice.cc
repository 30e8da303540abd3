// Some positions along an axis that is not the batch. Along the steps the mask is taken along.
#include <limits>

#include "engine/layers/layers.h"

namespace sluice {
namespace {

class SliceLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    constexpr int64_t kMost = int64_t{1} << 40;
    attributes_.axis = build.resolveAxis(0, "axis");
    attributes_.start = build.options.integer("start", -kMost, kMost);
    attributes_.step = build.options.integer("step", 1, kMost);
    const Value& stop = build.options.value("stop");
    toEnd_ = stop.isNull();
    stop_ = toEnd_ ? 0 : build.options.integer("stop", -kMost, kMost);
    NodeOutput output = build.inputs[0];
    output.shape[attributes_.axis] = taken(build, output.shape[attributes_.axis]);
    ofSteps_ = output.sequence && attributes_.axis == 1;
    build.outputs.push_back(output);
  }
  bool takesWeights() const override { return true; }

  void forward(NodeContext& node) const override {
    node.emit(Op::Slice, attributes(attributes_), {node.in(0)}, {node.out(0)});
    if (!ofSteps_ || node.mask(0) == kNoValue) return;
    const Shape& shape = node.node().outputs[0].shape;
    const ValueId mask = node.newValue(makeShape(shape[0], shape[1]), DType::Bool);
    node.emit(Op::Slice, attributes(attributes_), {node.mask(0)}, {mask});
    node.setOutMask(0, mask);
  }
  void backward(NodeContext& node) const override {
    node.emit(Op::SliceBackward, attributes(attributes_), {node.gradOut(0)}, {node.gradIn(0)});
  }
  std::string whyNotStreamable(const Node&) const override {
    return ofSteps_ ? "it takes some of the steps" : "";
  }

 private:
  // How many positions; where the axis is unknown, a number or an extent that follows from it.
  int64_t taken(LayerBuild& build, int64_t extent) const {
    const int64_t start = attributes_.start, step = attributes_.step;
    const auto count = [step](int64_t positions) { return (positions + step - 1) / step; };
    const auto refuse = [&] {
      fail(Code::ShapeMismatch,
           cat(build.name(), ": from ", start, toEnd_ ? " to the end" : cat(" to ", stop_),
               " there is nothing, or not known how much, along axis ", attributes_.axis, " of ",
               describeShape(build.inputs[0].shape)),
           {.layer = build.name(),
            .option = "start",
            .expected = "positions within the axis",
            .received = cat(start, "..", toEnd_ ? "" : cat(stop_))});
    };
    const int64_t first = start < 0 && !isSymbol(extent) ? start + extent : start;
    const int64_t last = toEnd_                           ? (isSymbol(extent) ? 0 : extent)
                         : stop_ < 0 && !isSymbol(extent) ? stop_ + extent
                                                          : stop_;
    if (!isSymbol(extent)) {
      if (first < 0 || first >= last || last > extent) refuse();
      return count(last - first);
    }
    const bool fromEnd = toEnd_ || last < 0;
    if (fromEnd == (start < 0)) {  // both ends are counted from the same one
      if (last <= first) refuse();
      return count(last - first);
    }
    if (start < 0) refuse();
    return build.derive(
        extent, {.shift = last - first + step - 1, .stride = step, .least = first - last + 1});
  }

  SliceAttributes attributes_;
  bool toEnd_ = false, ofSteps_ = false;
  int64_t stop_ = 0;
};

}  // namespace

std::unique_ptr<Layer> makeSliceLayer() { return std::make_unique<SliceLayer>(); }

}  // namespace sluice
