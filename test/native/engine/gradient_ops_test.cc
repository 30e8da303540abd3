// The backward of what `ops` builds against central differences, in double through the reference
// backend.
#include <gtest/gtest.h>

#include "support/double_model.h"

namespace sluice::test {
namespace {

Value axes(std::initializer_list<double> values) {
  std::vector<Value> items;
  for (const double value : values) items.push_back(Value::number(value));
  return Value::array(std::move(items));
}

Value weightNode(const std::string& name, std::initializer_list<double> shape) {
  return node(
      "weight", name, {},
      {{"shape", axes(shape)}, {"valueInitializer", named("uniform")}, {"trainable", yes()}});
}

// Operands that are numbers stand in their place; null is the next input.
Value functionNode(const std::string& function, const std::string& name,
                   const std::vector<Ref>& inputs, std::vector<Value> operands) {
  return node(
      "elementwise", name, inputs,
      {{"function", Value::string(function)}, {"operands", Value::array(std::move(operands))}});
}

// Away from where functions have no derivative: exp.
Value positive(const std::string& input, const std::string& name) {
  return functionNode("exp", name, {{input, 0}}, {Value()});
}

TEST(OpsGradients, FunctionsOfOne) {
  for (const char* name :
       {"negative", "abs", "exp", "log", "log1p", "sqrt", "square", "sin", "cos"})
    check(name,
          description({x(), positive("x", "p"), functionNode(name, "f", {{"p", 0}}, {Value()})},
                      {{"f", 0}}));
}

TEST(OpsGradients, FunctionsOfTwo) {
  for (const char* name :
       {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum"}) {
    const std::vector<std::pair<const char*, Value>> others = {
        {"as x", inputNode("y", {-1, 3})},
        {"of a row", inputNode("y", {3})},
        {"of a step", inputNode("y", {-1, 1})},
        {"a weight", weightNode("y", {3})},
        {"a weight for each step", weightNode("y", {kSteps, 1})},
        {"one weight", weightNode("y", {})}};
    for (const auto& [what, other] : others) {
      SCOPED_TRACE(what);
      for (const bool turned : {false, true}) {
        std::vector<Ref> operands{{"p", 0}, {"q", 0}};
        if (turned) std::swap(operands[0], operands[1]);
        check(name, description({x(), other, positive("x", "p"), positive("y", "q"),
                                 functionNode(name, "f", operands, {Value(), Value()})},
                                {{"f", 0}, {"p", 0}}));
      }
    }
    check(name, description({x(), positive("x", "p"),
                             functionNode(name, "f", {{"p", 0}}, {Value(), Value::number(1.7)}),
                             functionNode(name, "g", {{"f", 0}}, {Value::number(0.6), Value()})},
                            {{"g", 0}}));
  }
}

TEST(OpsGradients, FunctionsOfThree) {
  check("clip", description({x(), functionNode("clip", "f", {{"x", 0}},
                                               {Value(), Value::number(-0.4), Value::number(0.3)})},
                            {{"f", 0}}));
  check("where", description({x(), inputNode("y", {3}), weightNode("w", {3}),
                              functionNode("greater", "c", {{"x", 0}}, {Value(), Value::number(0)}),
                              functionNode("where", "f", {{"c", 0}, {"y", 0}, {"w", 0}},
                                           {Value(), Value(), Value()})},
                             {{"f", 0}}));
}

Value reduceNode(const std::string& reduction, const std::string& input, Value axis,
                 bool keepdims) {
  return node("reduce", "r", {{input, 0}},
              {{"reduction", Value::string(reduction)},
               {"axis", std::move(axis)},
               {"keepdims", Value::boolean(keepdims)}});
}

TEST(OpsGradients, Reductions) {
  for (const char* name : {"sum", "mean", "max", "min", "logSumExp"}) {
    SCOPED_TRACE(name);
    const auto over = [&](Value axis, bool keepdims) {
      check(name, description({inputNode("x", {-1, 2, 3}),
                               reduceNode(name, "x", std::move(axis), keepdims)},
                              {{"r", 0}}));
    };
    for (const double axis : {1, 2, -1}) over(axes({axis}), false);
    over(axes({1, 3}), false);
    over(axes({1, 3}), true);
    over(Value(), true);
  }
  // The mean of a value a step that has lost its features knows the steps that count.
  check(
      "of one a step",
      description(
          {x(), reduceNode("sum", "x", axes({2}), false),
           node("reduce", "m", {{"r", 0}},
                {{"reduction", Value::string("mean")}, {"axis", axes({1})}, {"keepdims", yes()}})},
          {{"m", 0}}));
}

TEST(OpsGradients, Products) {
  check("with a weight",
        description({x(), weightNode("w", {3, 2}), node("matmul", "m", {{"x", 0}, {"w", 0}}, {})},
                    {{"m", 0}}));
  check("of weights", description({x(), weightNode("u", {3, 2}), weightNode("v", {2, 4}),
                                   node("matmul", "w", {{"u", 0}, {"v", 0}}, {}),
                                   functionNode("exp", "e", {{"w", 0}}, {Value()}),
                                   node("matmul", "m", {{"x", 0}, {"e", 0}}, {})},
                                  {{"m", 0}}));
  check("over the steps",
        description({x(), inputNode("a", {2, -1}), node("matmul", "m", {{"a", 0}, {"x", 0}}, {})},
                    {{"m", 0}}));
  check("with a vector",
        description({x(), inputNode("v", {3}), node("matmul", "m", {{"x", 0}, {"v", 0}}, {}),
                     functionNode("square", "s", {{"m", 0}}, {Value()}),
                     reduceNode("mean", "s", axes({1}), true)},
                    {{"r", 0}}));
  check("of stacks", description({inputNode("a", {2, 3, 4}), inputNode("b", {2, 4, 2}),
                                  node("matmul", "m", {{"a", 0}, {"b", 0}}, {})},
                                 {{"m", 0}}));
}

Value sliceNode(double axis, double start, Value stop, double step) {
  return node("slice", "s", {{"x", 0}},
              {{"axis", Value::number(axis)},
               {"start", Value::number(start)},
               {"stop", std::move(stop)},
               {"step", Value::number(step)}});
}

TEST(OpsGradients, Slices) {
  const auto of = [&](double axis, double start, Value stop, double step) {
    check("slice", description({x(), sliceNode(axis, start, std::move(stop), step)}, {{"s", 0}}));
  };
  of(2, 1, Value(), 1);
  of(-1, 0, Value::number(-1), 2);
  of(1, 1, Value(), 1);
  of(1, 1, Value(), 2);
  of(1, 0, Value::number(-1), 2);
  of(1, -1, Value(), 1);
  of(1, -3, Value::number(-1), 1);
  of(1, 0, Value::number(2), 1);
}

TEST(OpsGradients, StopGradient) {
  Graph graph = Graph::parse(
      description({x(), weightNode("w", {3}), node("stopGradient", "s", {{"w", 0}}, {}),
                   functionNode("multiply", "f", {{"x", 0}, {"s", 0}}, {Value(), Value()})},
                  {{"f", 0}}));
  PlanRequest request;
  request.backward = request.cotangents = true;
  const Plan plan = compilePlan(graph, request, {});
  EXPECT_FALSE(plan.parameterHasGradient[0]);
}

}  // namespace
}  // namespace sluice::test
