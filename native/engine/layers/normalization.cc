// (x - mean) / max(sqrt(variance), epsilon) per feature; Keras' Normalization. The statistics are
// weights that no optimizer touches.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class NormalizationLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectFloat(0);
    attributes_.epsilon = build.options.number("epsilon", 0, 1);
    attributes_.invert = build.options.boolean("invert");
    if (build.options.has("trainable")) build.options.boolean("trainable");
    const int64_t features = build.inputs[0].shape.last();
    if (isSymbol(features))
      fail(Code::ShapeMismatch,
           cat(build.name(), ": the last extent of the input must be known, received ",
               describeShape(build.inputs[0].shape)),
           {.layer = build.name(),
            .option = "inputs",
            .expected = "a known last extent",
            .received = describeShape(build.inputs[0].shape)});
    Initializer one;
    one.a = 1;
    build.parameters.push_back({"mean", makeShape(features), Initializer{}, false});
    build.parameters.push_back({"variance", makeShape(features), one, false});
    build.outputs.push_back(build.inputs[0]);
  }
  void forward(NodeContext& node) const override {
    node.emit(Op::Normalize, attributes(attributes_),
              {node.in(0), node.parameter(0), node.parameter(1)}, {node.out(0)});
  }
  void backward(NodeContext& node) const override {
    if (!node.wantsGradIn(0)) return;
    node.emit(Op::NormalizeBackward, attributes(attributes_), {node.parameter(1), node.gradOut(0)},
              {node.gradIn(0)});
  }

 private:
  NormalizeAttributes attributes_;
};

}  // namespace

std::unique_ptr<Layer> makeNormalizationLayer() { return std::make_unique<NormalizationLayer>(); }

}  // namespace sluice
