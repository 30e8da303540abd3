// Products of matrices: with a weight over the last axis, or of two values row by row of the batch.
// Masked steps count as zeros.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

class MatmulLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(2, 2);
    for (size_t i = 0; i < 2; ++i) build.expectFloat(i);
    const NodeOutput &a = build.inputs[0], &b = build.inputs[1];
    ofWeight_ = !b.batched;
    if (ofWeight_)
      buildOfWeight(build, a, b.shape);
    else
      buildOfRows(build, a, b);
  }
  bool takesWeights() const override { return true; }

  void forward(NodeContext& node) const override {
    if (ofWeight_)
      return node.emit(Op::Dense, nullptr, {node.in(0), node.in(1), kNoValue}, {node.out(0)});
    if (!passesMask_) node.setOutMask(0, kNoValue);
    for (int i = 0; i < 2; ++i) {
      ValueId value = node.in(i);
      if (node.mask(i) != kNoValue) {
        value = node.newValue(node.shapeOf(value));
        node.emit(Op::MaskSteps, nullptr, {node.in(i), node.mask(i)}, {value});
      }
      node.saved().push_back(node.view(value, shapes_[i]));
    }
    product(node, node.saved()[0], false, node.saved()[1], false, node.view(node.out(0), result_));
  }

  void backward(NodeContext& node) const override {
    if (ofWeight_) {
      const auto wanted = [&](int i) { return node.wantsGradIn(i) ? node.gradIn(i) : kNoValue; };
      const ValueId dx = wanted(0), dKernel = wanted(1);
      return node.emit(Op::DenseBackward, nullptr, {node.in(0), node.in(1), node.gradOut(0)},
                       {dx, dKernel, kNoValue});
    }
    const ValueId dy = node.view(node.gradOut(0), result_);
    for (int i = 0; i < 2; ++i) {
      if (!node.wantsGradIn(i)) continue;
      const Shape own = node.shapeOf(node.in(i));
      const bool masked = node.mask(i) != kNoValue;
      const ValueId gradient = masked ? node.newValue(own) : node.gradIn(i);
      const ValueId matrix = node.view(gradient, shapes_[i]);
      if (i == 0)
        product(node, dy, false, node.saved()[1], true, matrix);
      else
        product(node, node.saved()[0], true, dy, false, matrix);
      if (masked) node.emit(Op::MaskSteps, nullptr, {gradient, node.mask(i)}, {node.gradIn(i)});
    }
  }

  std::string whyNotStreamable(const Node&) const override {
    return readsSteps_ ? "it needs the whole sequence" : "";
  }

 private:
  void buildOfWeight(LayerBuild& build, const NodeOutput& a, const Shape& weight) {
    NodeOutput output = a;
    const bool fits =
        weight.rank == 2 && a.shape.rank >= (a.batched ? 2 : 1) && a.shape.last() == weight[0];
    if (!fits) refuse(build, "[...,n] and a weight [n,m]");
    output.shape[output.shape.rank - 1] = weight[1];
    build.outputs.push_back(output);
  }

  // Vectors, which have no axis but the batch and one, count as one row or one column.
  void buildOfRows(LayerBuild& build, const NodeOutput& a, const NodeOutput& b) {
    const int rankA = a.shape.rank, rankB = b.shape.rank;
    const bool stacked = rankA == 4 && rankB == 4;
    const auto isMatrix = [](int rank) { return rank == 2 || rank == 3; };
    if (!a.batched || (!stacked && !(isMatrix(rankA) && isMatrix(rankB))))
      refuse(build, a.batched ? "values of two or three axes, or both of four"
                              : "the weight as the second one");
    shapes_[0] = rankA == 2 ? makeShape(kBatchExtent, 1, a.shape[1]) : a.shape;
    shapes_[1] = rankB == 2 ? makeShape(kBatchExtent, b.shape[1], 1) : b.shape;
    const int rank = shapes_[0].rank;
    const auto differ = [](int64_t m, int64_t n) { return m != n && !isSymbol(m) && !isSymbol(n); };
    // Two symbols may stand for one number: the run checks it.
    if (differ(shapes_[0].last(), shapes_[1][rank - 2]) ||
        (stacked && (isSymbol(a.shape[1]) || a.shape[1] != b.shape[1])))
      refuse(build, "[...,m,k] and [...,k,n]");
    if (stacked) heads_ = static_cast<int32_t>(a.shape[1]);
    result_ = shapes_[0];
    result_[rank - 1] = shapes_[1].last();
    NodeOutput output;
    output.shape = makeShape(kBatchExtent);
    for (int i = 1; i < rank; ++i)
      if (!(rankA == 2 && i == rank - 2) && !(rankB == 2 && i == rank - 1))
        output.shape[output.shape.rank++] = result_[i];
    passesMask_ = rankA > 2 && a.sequence;
    output.sequence = output.shape.rank >= 3 || passesMask_;
    output.masked = passesMask_ && a.masked;
    output.alwaysMasked = passesMask_ && a.alwaysMasked;
    readsSteps_ = a.sequence || b.sequence;
    build.outputs.push_back(output);
  }

  [[noreturn]] void refuse(const LayerBuild& build, const std::string& expected) const {
    const std::string received =
        cat(describeShape(build.inputs[0].shape), " and ", describeShape(build.inputs[1].shape));
    fail(Code::ShapeMismatch, cat(build.name(), ": expected ", expected, ", received ", received),
         {.layer = build.name(), .expected = expected, .received = received});
  }

  void product(NodeContext& node, ValueId a, bool transposeA, ValueId b, bool transposeB,
               ValueId c) const {
    node.emit(Op::HeadProduct, attributes(HeadProductAttributes{heads_, transposeA, transposeB}),
              {a, b}, {c});
  }

  bool ofWeight_ = false, passesMask_ = false, readsSteps_ = false;
  int32_t heads_ = 1;
  Shape shapes_[2], result_;
};

}  // namespace

std::unique_ptr<Layer> makeMatmulLayer() { return std::make_unique<MatmulLayer>(); }

}  // namespace sluice
