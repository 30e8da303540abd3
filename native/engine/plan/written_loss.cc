// Losses and metrics that users write: graphs of a target and a prediction behind the model's own.
#include <algorithm>

#include "engine/core/error.h"
#include "engine/plan/builder.h"

namespace sluice {
namespace {

// One number a row of the loss.
Shape rowsOf(const Graph& graph, size_t output) {
  Shape rows = graph.at(graph.outputs[output]).shape;
  --rows.rank;
  return rows;
}

}  // namespace

LossRows lossRows(const Graph& graph, size_t output, ValueRef value) {
  const Shape rows = rowsOf(graph, output), &shape = graph.at(value).shape;
  Shape front = shape;
  for (const bool averaged : {true, false}) {  // over a last axis of its own
    front.rank = averaged ? shape.rank - 1 : shape.rank;
    bool fits = front.rank == rows.rank;
    for (int i = 0; fits && i < rows.rank; ++i) fits = front[i] == rows[i];
    if (!fits) continue;
    Shape whole = shape;
    if (!averaged) whole[whole.rank++] = 1;
    return {whole, false};
  }
  bool ofBatch = shape.rank >= 1;
  for (int i = 1; i < shape.rank; ++i) ofBatch = ofBatch && shape[i] == 1;
  if (ofBatch) return {makeShape(kBatchExtent, 1), true};
  const std::string& name = graph.nodes[static_cast<size_t>(value.node)].name;
  const std::string expected = cat(describeShape(rows), ", that with one more axis, or [null]");
  fail(Code::ShapeMismatch,
       cat(name, ": a loss of this output must be ", expected, ", received ", describeShape(shape)),
       {.layer = name, .option = "loss", .expected = expected, .received = describeShape(shape)});
}

ValueId PlanBuilder::target(size_t output, bool sparse) {
  const Shape shape = sparse ? rowsOf(graph_, output) : graph_.at(graph_.outputs[output]).shape;
  return external(Storage::Target, static_cast<int>(output), shape,
                  sparse ? DType::Int32 : DType::Float32);
}

ValueId PlanBuilder::weight(size_t output) {
  if ((request_.weightedOutputs >> output & 1) == 0) return kNoValue;
  const bool each = (request_.stepWeights >> output & 1) != 0;
  return external(Storage::Weight, static_cast<int>(output),
                  each ? rowsOf(graph_, output) : makeShape(kBatchExtent), DType::Float32);
}

ValueId PlanBuilder::keepRows(ValueId x, size_t output, const std::string& layer) {
  const ValueRef ref = graph_.outputs[output];
  const Shape shape = graph_.at(ref).shape;
  const auto keep = [&](ValueId from, const Shape& as, ValueId mask) {
    const ValueId kept = add(shape, DType::Float32, Storage::Arena, 0);
    emit({Op::MaskSteps, nullptr, {view(from, as), mask}, {view(kept, as)}, layer});
    return kept;
  };
  if (const ValueId mask = values(ref.node).masks[static_cast<size_t>(ref.output)];
      mask != kNoValue)
    x = keep(x, shape, mask);
  const ValueId weight = this->weight(output);
  if (weight == kNoValue) return x;
  // One weight counts for the axes up to `each`.
  const int each = (request_.stepWeights >> output & 1) != 0 ? shape.rank - 1 : 1;
  int64_t rows = 1, behind = 1;
  for (int i = 1; i < shape.rank; ++i) {
    int64_t& extent = i < each ? rows : behind;
    extent = extent == 1 ? shape[i] : product(extent, shape[i]);
  }
  const ValueId mask = add(makeShape(kBatchExtent, rows), DType::Bool, Storage::Arena, 0);
  emit({Op::StepMask,
        attributes(StepMaskAttributes{0}),
        {view(weight, makeShape(kBatchExtent, rows, 1)), kNoValue},
        {mask},
        layer});
  return keep(x, makeShape(kBatchExtent, rows, behind), mask);
}

void PlanBuilder::standForOutput(int index) {
  const Node& node = graph_.nodes[static_cast<size_t>(index)];
  NodeValues& own = values(index);
  const auto output = static_cast<size_t>(std::max(node.target, node.prediction));
  if (!request_.losses) return;
  const ValueRef ref = graph_.outputs[output];
  own.masks[0] = values(ref.node).masks[static_cast<size_t>(ref.output)];
  own.outputs[0] = node.target >= 0 ? keepRows(target(output, false), output, node.name)
                                    : values(ref.node).outputs[static_cast<size_t>(ref.output)];
}

void PlanBuilder::addValues(size_t output, ValueRef value, ValueId sums, bool isLoss) {
  const LossRows rows = lossRows(graph_, output, value);
  const std::string& name = graph_.nodes[static_cast<size_t>(value.node)].name;
  if (rows.ofBatch && (request_.stepWeights >> output & 1) != 0)
    fail(Code::ShapeMismatch,
         cat(name, ": it has one value a row, so that sampleWeight has one weight a row"),
         {.layer = name,
          .option = "sampleWeight",
          .expected = "[rows]",
          .received = "a weight for each step"});
  const ValueId x = values(value.node).outputs[static_cast<size_t>(value.output)];
  ValueId gradient = kNoValue, scale = kNoValue;
  if (isLoss) {
    scale = external(Storage::Scale, static_cast<int>(output), makeShape(1), DType::Float64);
    if (request_.backward && wanted_[static_cast<size_t>(value.node)])
      gradient = add(graph_.at(value).shape, DType::Float32, Storage::Arena, 0);
  }
  emit({Op::Loss,
        attributes(LossAttributes{LossKind::Value, 1}),
        {view(x, rows.shape), kNoValue, weight(output),
         rows.ofBatch ? kNoValue : plan_.outputMasks[output], scale},
        {sums, gradient == kNoValue ? kNoValue : view(gradient, rows.shape)},
        name});
  if (gradient != kNoValue) contribute(value, gradient, name);
}

}  // namespace sluice
