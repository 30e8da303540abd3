#include "engine/graph/layer.h"

#include "engine/layers/layers.h"

namespace sluice {

void LayerBuild::expectInputs(size_t least, size_t most) const {
  if (inputs.size() >= least && inputs.size() <= most) return;
  const std::string expected = least == most ? cat(least) : cat(least, " to ", most);
  fail(Code::Config, cat(name(), " takes ", expected, " inputs, received ", inputs.size()),
       {.layer = name(), .option = "inputs", .expected = expected, .received = cat(inputs.size())});
}

void LayerBuild::expectFloat(size_t input) const {
  if (inputs[input].dtype == DType::Float32) return;
  fail(Code::ShapeMismatch,
       cat(name(), ": input must be float32, received ", dtypeName(inputs[input].dtype)),
       {.layer = name(),
        .option = "inputs",
        .expected = "float32",
        .received = dtypeName(inputs[input].dtype)});
}

void LayerBuild::expectKnownExtents(size_t input, int first) const {
  const Shape& shape = inputs[input].shape;
  bool known = true;
  for (int i = first; i < shape.rank; ++i) known = known && !isSymbol(shape[i]);
  if (known) return;
  const std::string received = describeShape(shape);
  fail(Code::ShapeMismatch,
       cat(name(), ": the extents of the input must be known, received ", received),
       {.layer = name(), .option = "inputs", .expected = "known extents", .received = received});
}

int LayerBuild::resolveAxis(size_t input, const std::string& option) const {
  return resolveAxis(input, option, options.integer(option, -kMaxRank, kMaxRank));
}

int LayerBuild::resolveAxis(size_t input, const std::string& option, int64_t axis) const {
  const auto& [shape, batched] = std::pair(inputs[input].shape, inputs[input].batched);
  const int first = batched ? 1 : 0;
  const int64_t resolved = axis < 0 ? axis + shape.rank : axis;
  if (resolved >= first && resolved < shape.rank) return static_cast<int>(resolved);
  fail(Code::Config,
       cat(name(), ": option ", option, " ", axis, " is not an axis of ", describeShape(shape),
           batched ? " behind the batch" : ""),
       {.layer = name(),
        .option = option,
        .expected = cat("an axis from ", first, " to ", shape.rank - 1),
        .received = cat(axis)});
}

void LayerBuild::expectSequence(size_t input) const {
  if (inputs[input].sequence) return;
  const std::string received = describeShape(inputs[input].shape);
  fail(
      Code::ShapeMismatch,
      cat(name(), ": input must be a sequence [batch,steps,...], received ", received),
      {.layer = name(), .option = "inputs", .expected = "[batch,steps,...]", .received = received});
}

void LayerBuild::expectRank(size_t input, int rank, const char* layout) const {
  expectFloat(input);
  const Shape& shape = inputs[input].shape;
  if (shape.rank == rank && !isSymbol(shape.last())) return;
  fail(Code::ShapeMismatch,
       cat(name(), ": input must be ", layout, " with a known last extent, received ",
           describeShape(shape)),
       {.layer = name(), .option = "inputs", .expected = layout, .received = describeShape(shape)});
}

void LayerBuild::addWeight(const std::string& parameter, const Shape& shape,
                           const WeightOptions& weight) {
  ConstraintAttributes constraint = weight.constraint;
  const bool constrained = constraint.kind != ConstraintKind::None;
  if (constrained && (constraint.axis < -shape.rank || constraint.axis >= shape.rank))
    fail(Code::Config,
         cat(name(), ": option ", weight.name, "Constraint: axis ", constraint.axis,
             " is not one of ", parameter, ", which is ", toString(shape)),
         {.layer = name(),
          .option = weight.name + "Constraint",
          .expected = cat("an axis from ", -shape.rank, " to ", shape.rank - 1),
          .received = cat(constraint.axis)});
  if (constraint.axis < 0) constraint.axis += shape.rank;
  parameters.push_back({parameter, shape, weight.initializer, true, weight.penalty, constraint});
}

std::string describeShape(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank; ++i)
    text +=
        (i > 0 ? "," : "") + (isSymbol(shape[i]) ? std::string("null") : std::to_string(shape[i]));
  return text + "]";
}

std::unique_ptr<Layer> makeLayer(const std::string& kind, const std::string& name) {
  std::string known;
  for (const LayerEntry& entry : layerTable()) {
    if (kind == entry.kind) return entry.make();
    known += cat(known.empty() ? "'" : ", '", entry.kind, "'");
  }
  fail(Code::Unsupported, cat(name, ": unknown layer kind '", kind, "'; this build knows ", known),
       {.layer = name, .option = "kind", .expected = known, .received = kind});
}

}  // namespace sluice
