// The dot product of two values along an axis of each, row by row of the batch; Keras' Dot. With
// `normalize` of their directions alone: cosines. A mask ends here.
#include "engine/layers/layers.h"

namespace sluice {
namespace {

// An input as the matrices of a HeadProduct, one a row: [K] counts as one row or column.
struct Side {
  int rank = 2;
  int axis = 1;  // the one that is summed over

  int64_t extent(const Shape& shape) const { return rank == 3 ? shape[3 - axis] : 1; }
  // In memory [.., K]; else [K, ..].
  bool summedLast(bool turned) const { return turned || axis == rank - 1; }
};

class DotLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    build.expectInputs(2, 2);
    normalize_ = build.options.boolean("normalize");
    int64_t axes[2];
    build.options.integers("axes", axes, -kMaxRank, kMaxRank);
    Shape shapes[2];
    for (size_t i = 0; i < 2; ++i) {
      build.expectFloat(i);
      const Shape& shape = shapes[i] = build.inputs[i].shape;
      if (shape.rank > 3)
        fail(Code::ShapeMismatch,
             cat(build.name(), ": input ", i, " must have two or three axes, received ",
                 describeShape(shape)),
             {.layer = build.name(),
              .option = "inputs",
              .expected = "[batch,features] or [batch,steps,features]",
              .received = describeShape(shape)});
      side_[i] = {shape.rank, build.resolveAxis(i, "axes", axes[i])};
      readsSteps_ = readsSteps_ || build.inputs[i].sequence;
    }
    const int64_t a = shapes[0][side_[0].axis], b = shapes[1][side_[1].axis];
    // Two symbols may stand for one number: the run checks it.
    if (a != b && !isSymbol(a) && !isSymbol(b))
      fail(Code::ShapeMismatch,
           cat(build.name(), ": along its axes ", describeShape(shapes[0]), " has ", a, " and ",
               describeShape(shapes[1]), " has ", b),
           {.layer = build.name(), .option = "axes", .expected = cat(a), .received = cat(b)});
    NodeOutput output{makeShape(kBatchExtent), DType::Float32, false, false};
    for (size_t i = 0; i < 2; ++i)
      if (side_[i].rank == 3) output.shape[output.shape.rank++] = side_[i].extent(shapes[i]);
    if (output.shape.rank == 1) output.shape[output.shape.rank++] = 1;
    output.sequence = output.shape.rank == 3;
    build.outputs.push_back(output);
  }

  void forward(NodeContext& node) const override {
    node.setOutMask(0, kNoValue);  // the second axis of the result is whichever one is left
    ValueId matrix[2];
    for (int i = 0; i < 2; ++i) {
      const ValueId turned = turn(node, i, node.in(i));
      matrix[i] = turned;
      if (normalize_) {
        matrix[i] = node.newValue(node.shapeOf(turned));
        node.emit(Op::UnitLength, attributes(UnitLengthAttributes{}), {turned}, {matrix[i]});
      }
      node.saved().push_back(turned);
      node.saved().push_back(matrix[i]);
    }
    node.emit(Op::HeadProduct, flags(!summedLast(0), summedLast(1)), {matrix[0], matrix[1]},
              {node.view(node.out(0), productShape(node))});
  }

  void backward(NodeContext& node) const override {
    const ValueId dy = node.view(node.gradOut(0), productShape(node));
    for (int i = 0; i < 2; ++i) {
      if (!node.wantsGradIn(i)) continue;
      const ValueId other = node.saved()[static_cast<size_t>(3 - 2 * i)];
      const ValueId turned = node.saved()[static_cast<size_t>(2 * i)];
      ValueId gradient = node.newValue(node.shapeOf(turned));
      // dy is [M,N]; the gradient of a side is [M or N, K], or that turned, as the side itself.
      const bool last = summedLast(i), otherLast = summedLast(1 - i);
      if (last)
        node.emit(Op::HeadProduct, flags(i == 1, !otherLast), {dy, other}, {gradient});
      else
        node.emit(Op::HeadProduct, flags(otherLast, i == 0), {other, dy}, {gradient});
      if (normalize_) {
        const ValueId inner = node.newValue(node.shapeOf(turned));
        node.emit(Op::UnitLengthBackward, attributes(UnitLengthAttributes{}), {turned, gradient},
                  {inner});
        gradient = inner;
      }
      if (turns(i)) {
        node.emit(Op::Permute, attributes(swap()), {gradient}, {node.gradIn(i)});
        continue;
      }
      node.setGradIn(i, node.view(gradient, node.shapeOf(node.in(i))));
    }
  }

  std::string whyNotStreamable(const Node&) const override {
    return readsSteps_ ? "it needs the whole sequence" : "";
  }

 private:
  // The length is taken along the last axis.
  bool turns(int i) const { return normalize_ && side_[i].axis < side_[i].rank - 1; }
  bool summedLast(int i) const { return side_[i].summedLast(turns(i)); }

  static PermuteAttributes swap() { return {{0, 2, 1}}; }
  static std::shared_ptr<const void> flags(bool transposeA, bool transposeB) {
    return attributes(HeadProductAttributes{1, transposeA, transposeB});
  }

  // The input as matrices.
  ValueId turn(NodeContext& node, int i, ValueId x) const {
    const Shape shape = node.shapeOf(x);
    if (side_[i].rank == 2) return node.view(x, makeShape(shape[0], 1, shape[1]));
    if (!turns(i)) return x;
    const ValueId turned = node.newValue(makeShape(shape[0], shape[2], shape[1]));
    node.emit(Op::Permute, attributes(swap()), {x}, {turned});
    return turned;
  }

  Shape productShape(const NodeContext& node) const {
    return makeShape(kBatchExtent, side_[0].extent(node.shapeOf(node.in(0))),
                     side_[1].extent(node.shapeOf(node.in(1))));
  }

  Side side_[2];
  bool normalize_ = false;
  bool readsSteps_ = false;
};

}  // namespace

std::unique_ptr<Layer> makeDotLayer() { return std::make_unique<DotLayer>(); }

}  // namespace sluice
