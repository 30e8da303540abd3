// The largest or the mean of each window, channel by channel; global: of all positions. Masked
// steps do not count.
#include "engine/layers/window.h"

namespace sluice {
namespace {

class PoolingLayer final : public Layer {
 public:
  PoolingLayer(int axes, PoolingMode mode, bool global) {
    attributes_.window.axes = axes;
    attributes_.window.whole = global;
    attributes_.mode = mode;
  }

  void build(LayerBuild& build) override {
    const int axes = attributes_.window.axes;
    expectWindowInput(build, axes);
    if (!attributes_.window.whole) {
      attributes_.window = readWindow(build.options, axes, "poolSize", {"valid", "same"});
      build.outputs.push_back(
          windowOutput(build, attributes_.window, build.inputs[0].shape.last()));
      return;
    }
    const Shape& shape = build.inputs[0].shape;
    NodeOutput output;
    output.shape = makeShape(shape[0], shape.last());
    if (build.options.boolean("keepdims"))
      output.shape = axes == 1 ? makeShape(shape[0], 1, shape.last())
                               : makeShape(shape[0], 1, 1, shape.last());
    output.sequence = output.shape.rank > 2;
    build.outputs.push_back(output);
  }

  void forward(NodeContext& node) const override {
    if (attributes_.window.whole)
      node.setOutMask(0, kNoValue);
    else
      passMask(node, attributes_.window);
    node.emit(Op::Pooling, attributes(attributes_), {node.in(0), node.mask(0)}, {node.out(0)});
  }

  void backward(NodeContext& node) const override {
    if (!node.wantsGradIn(0)) return;
    const ValueId y = attributes_.mode == PoolingMode::Max ? node.out(0) : kNoValue;
    node.emit(Op::PoolingBackward, attributes(attributes_),
              {node.in(0), node.mask(0), y, node.gradOut(0)}, {node.gradIn(0)});
  }

  std::string whyNotStreamable(const Node&) const override {
    return attributes_.window.whole ? "it needs the whole sequence"
                                    : "its windows reach over several steps";
  }

 private:
  PoolingAttributes attributes_;
};

template <int axes, PoolingMode mode, bool global>
std::unique_ptr<Layer> make() {
  return std::make_unique<PoolingLayer>(axes, mode, global);
}

}  // namespace

std::unique_ptr<Layer> makeMaxPooling1dLayer() { return make<1, PoolingMode::Max, false>(); }
std::unique_ptr<Layer> makeMaxPooling2dLayer() { return make<2, PoolingMode::Max, false>(); }
std::unique_ptr<Layer> makeAveragePooling1dLayer() {
  return make<1, PoolingMode::Average, false>();
}
std::unique_ptr<Layer> makeAveragePooling2dLayer() {
  return make<2, PoolingMode::Average, false>();
}
std::unique_ptr<Layer> makeGlobalMaxPooling1dLayer() { return make<1, PoolingMode::Max, true>(); }
std::unique_ptr<Layer> makeGlobalMaxPooling2dLayer() { return make<2, PoolingMode::Max, true>(); }
std::unique_ptr<Layer> makeGlobalAveragePooling1dLayer() {
  return make<1, PoolingMode::Average, true>();
}
std::unique_ptr<Layer> makeGlobalAveragePooling2dLayer() {
  return make<2, PoolingMode::Average, true>();
}

}  // namespace sluice
