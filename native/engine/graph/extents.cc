#include "engine/core/error.h"
#include "engine/graph/graph.h"

namespace sluice {

int64_t ExtentRule::operator()(int64_t extent, const std::string& layer) const {
  if (extent < least)
    fail(Code::ShapeMismatch,
         cat(layer, ": its window reaches over ", least, " positions, the input has ", extent),
         {.layer = layer,
          .option = "inputs",
          .expected = cat("at least ", least),
          .received = cat(extent)});
  return (extent + shift) / stride;
}

int64_t Graph::derive(int64_t extent, const ExtentRule& rule, const std::string& layer) {
  if (rule.keeps() && rule.least <= 1) return extent;
  if (!isSymbol(extent)) return rule(extent, layer);
  const int64_t of = symbolNumber(extent);
  for (const DerivedSymbol& known : derived)
    if (known.of == of && known.rule == rule) return symbolExtent(known.symbol);
  derived.push_back({symbols, of, rule, layer});
  return symbolExtent(symbols++);
}

void Graph::completeSymbols(std::vector<int64_t>& numbers) const {
  for (const DerivedSymbol& symbol : derived) {
    const int64_t of = numbers[static_cast<size_t>(symbol.of)];
    if (of >= 0) numbers[static_cast<size_t>(symbol.symbol)] = symbol.rule(of, symbol.layer);
  }
}

std::vector<Shape> Graph::outputShapes(const std::vector<Shape>& rows) const {
  if (rows.size() != inputs.size())
    fail(Code::InvalidArgument,
         cat("the model has ", inputs.size(), " inputs, received ", rows.size(), " shapes"),
         {.expected = cat(inputs.size()), .received = cat(rows.size())});
  std::vector<int64_t> numbers(static_cast<size_t>(symbols), -1);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Node& node = nodes[static_cast<size_t>(inputs[i])];
    const Shape& shape = node.outputs[0].shape;
    bool fits = rows[i].rank == shape.rank - 1;
    for (int axis = 1; fits && axis < shape.rank; ++axis)
      if (isSymbol(shape[axis]))
        numbers[static_cast<size_t>(symbolNumber(shape[axis]))] = rows[i][axis - 1];
      else
        fits = shape[axis] == rows[i][axis - 1];
    if (!fits)
      fail(Code::ShapeMismatch,
           cat(node.name, " needs rows of ", describeShape(shape),
               " without its first axis, received ", toString(rows[i])),
           {.layer = node.name, .expected = describeShape(shape), .received = toString(rows[i])});
  }
  completeSymbols(numbers);
  std::vector<Shape> shapes;
  for (const ValueRef ref : outputs) {
    Shape shape = at(ref).shape;
    for (int axis = 1; axis < shape.rank; ++axis)
      if (isSymbol(shape[axis]))
        shape[axis] = numbers[static_cast<size_t>(symbolNumber(shape[axis]))];
    shapes.push_back(shape);
  }
  return shapes;
}

std::vector<int64_t> Graph::symbolsAt(int64_t number) const {
  std::vector<int64_t> numbers(static_cast<size_t>(symbols), number);
  completeSymbols(numbers);
  return numbers;
}

}  // namespace sluice
