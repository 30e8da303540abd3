#include "engine/layers/norm_axes.h"

#include <algorithm>

#include "engine/core/memory.h"

namespace sluice {

void NormAxes::build(LayerBuild& build, const std::vector<int64_t>& axes) {
  const Shape& input = build.inputs[0].shape;
  for (const int64_t axis : axes) {
    if (axis == 0 || axis == -input.rank)
      fail(Code::Unsupported, build.name() + ": option axis: the batch cannot be normalized over",
           {.layer = build.name(),
            .option = "axis",
            .expected = cat("axes from 1 to ", input.rank - 1),
            .received = cat(axis)});
    axes_.push_back(build.resolveAxis(0, "axis", axis));
  }
  std::sort(axes_.begin(), axes_.end());
  if (axes_.empty() || std::adjacent_find(axes_.begin(), axes_.end()) != axes_.end())
    fail(Code::Config, build.name() + ": option axis must name at least one axis, each once",
         {.layer = build.name(),
          .option = "axis",
          .expected = "axes, each once",
          .received = cat(axes.size(), " axes")});
  // The others first, in order, then these.
  int place = 0;
  for (const bool own : {false, true})
    for (int axis = 0; axis < input.rank; ++axis)
      if (has(axis) == own) forward_.axes[place++] = axis;
  for (int i = 0; i < input.rank; ++i) {
    backward_.axes[forward_.axes[i]] = i;
    moves_ = moves_ || forward_.axes[i] != i;
  }
  for (const int axis : axes_) {
    if (isSymbol(input[axis]))
      fail(Code::ShapeMismatch,
           cat(build.name(), ": the extents along option axis must be known, axis ", axis, " of ",
               describeShape(input), " is not"),
           {.layer = build.name(),
            .option = "axis",
            .expected = "known extents",
            .received = describeShape(input)});
    features_[features_.rank++] = input[axis];
  }
  requireElements(features_, build.name());
}

bool NormAxes::has(int axis) const {
  return std::find(axes_.begin(), axes_.end(), axis) != axes_.end();
}

Shape NormAxes::moved(const Shape& x) const {
  Shape shape = x;
  for (int i = 0; i < x.rank; ++i) shape[i] = x[forward_.axes[i]];
  return shape;
}

Shape NormAxes::asRows(const Shape& moved) const {
  Shape shape = moved;
  shape.rank -= features_.rank - 1;
  shape[shape.rank - 1] = features_.elements();
  return shape;
}

ValueId NormAxes::rows(NodeContext& node, ValueId x) const {
  const Shape shape = moved(node.shapeOf(x));
  if (!moves_) return node.view(x, asRows(shape));
  const ValueId copy = node.newValue(shape);
  node.emit(Op::Permute, attributes(forward_), {x}, {copy});
  return node.view(copy, asRows(shape));
}

ValueId NormAxes::newRows(NodeContext& node, ValueId x) const {
  const Shape shape = asRows(moved(node.shapeOf(x)));
  return moves_ ? node.newValue(shape) : node.view(x, shape);
}

void NormAxes::finish(NodeContext& node, ValueId rows, ValueId x) const {
  if (!moves_) return;
  const ValueId apart = node.view(rows, moved(node.shapeOf(x)));
  node.emit(Op::Permute, attributes(backward_), {apart}, {x});
}

ValueId NormAxes::flat(NodeContext& node, ValueId parameter) const {
  return parameter == kNoValue ? parameter : node.view(parameter, makeShape(features_.elements()));
}

}  // namespace sluice
