// Rows of a table by number; Keras' Embedding. With maskZero the id 0 stands for padding: such
// steps are masked. The engine checks the ids before a run (RunInputs).
#include "engine/layers/layers.h"
#include "engine/layers/step_mask.h"

namespace sluice {
namespace {

constexpr int64_t kMostIds = int64_t{1} << 31;
constexpr int64_t kMostFeatures = int64_t{1} << 30;

class EmbeddingLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(1, 1);
    OptionReader& options = build.options;
    const int64_t ids = options.integer("inputDim", 1, kMostIds);
    const int64_t features = options.integer("outputDim", 1, kMostFeatures);
    const WeightOptions table = options.weight("embeddings");
    maskZero_ = options.boolean("maskZero");
    options.boolean("trainable");
    const NodeOutput& input = build.inputs[0];
    if (input.dtype != DType::Int32 || input.shape.rank >= kMaxRank)
      fail(Code::ShapeMismatch,
           cat(build.name(), ": input must be int32 of 2 to ", kMaxRank - 1, " axes, received ",
               dtypeName(input.dtype), " ", describeShape(input.shape)),
           {.layer = build.name(),
            .option = "inputs",
            .expected = "int32",
            .received = dtypeName(input.dtype)});
    if (maskZero_ && input.shape.rank != 2)
      fail(Code::ShapeMismatch,
           cat(build.name(), ": with maskZero the input must be [batch,steps], received ",
               describeShape(input.shape)),
           {.layer = build.name(),
            .option = "maskZero",
            .expected = "[batch,steps]",
            .received = describeShape(input.shape)});
    NodeOutput output = input;
    output.dtype = DType::Float32;
    output.shape[output.shape.rank++] = features;
    output.masked = output.masked || maskZero_;
    output.alwaysMasked = output.alwaysMasked || maskZero_;
    build.outputs.push_back(output);
    build.addWeight("embeddings", makeShape(ids, features), table);
    build.ids = ids;
  }

  void forward(NodeContext& node) const override {
    if (maskZero_) emitStepMask(node, 0);
    node.emit(Op::Embedding, nullptr, {node.in(0), node.parameter(0)}, {node.out(0)});
  }

  void backward(NodeContext& node) const override {
    if (const ValueId gradient = node.gradParameter(0); gradient != kNoValue)
      node.emit(Op::EmbeddingBackward, nullptr, {node.in(0), node.gradOut(0)}, {gradient});
  }

 private:
  bool maskZero_ = false;
};

}  // namespace

std::unique_ptr<Layer> makeEmbeddingLayer() { return std::make_unique<EmbeddingLayer>(); }

}  // namespace sluice
