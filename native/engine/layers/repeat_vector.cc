// A vector [batch,features] n times, as a sequence; Keras' RepeatVector.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class RepeatVectorLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    build.expectRank(0, 2, "[batch,features]");
    const int64_t n = build.options.integer("n", 1, int64_t{1} << 30);
    build.outputs.push_back(
        {makeShape(kBatchExtent, n, build.inputs[0].shape[1]), DType::Float32, true, false});
  }
  void forward(NodeContext& node) const override {
    node.emit(Op::Repeat, nullptr, {node.in(0)}, {node.out(0)});
  }
  void backward(NodeContext& node) const override {
    node.emit(Op::RepeatBackward, nullptr, {node.gradOut(0)}, {node.gradIn(0)});
  }
  std::string whyNotStreamable(const Node&) const override { return "it makes several steps"; }
};

}  // namespace

std::unique_ptr<Layer> makeRepeatVectorLayer() { return std::make_unique<RepeatVectorLayer>(); }

}  // namespace sluice
