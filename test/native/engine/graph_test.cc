// Descriptions as hostile input, shapes, parameters and states.
#include "engine/graph/graph.h"

#include <gtest/gtest.h>

#include "engine/core/error.h"
#include "support/description.h"

namespace sluice::test {
namespace {

Code codeOf(const Value& value) {
  try {
    Graph::parse(value);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "parsed";
  return Code::Internal;
}

TEST(Graph, TheReferenceModel) {
  const Graph graph = Graph::parse(
      description({inputNode("x", {100, 10}), node("gru", "gru", {{"x", 0}}, gruOptions(64)),
                   node("dense", "dense", {{"gru", 0}}, denseOptions(1))},
                  {{"dense", 0}}));
  ASSERT_EQ(graph.parameters.size(), 5u);
  EXPECT_EQ(graph.parameters[0].name, "gru/kernel");
  EXPECT_EQ(graph.parameters[0].shape, makeShape(10, 192));
  EXPECT_EQ(graph.parameters[2].shape, makeShape(2, 192));
  EXPECT_EQ(graph.parameters[4].name, "dense/bias");
  EXPECT_EQ(describeShape(graph.at(graph.outputs[0]).shape), "[null,1]");
  EXPECT_EQ(graph.states[0].name, "gru/state");
  for (const Parameter& p : graph.parameters) EXPECT_EQ(p.offset % 16, 0);
}

TEST(Graph, OrderInTheDescriptionDoesNotMatter) {
  const Graph graph = Graph::parse(
      description({node("dense", "dense", {{"gru", 0}}, denseOptions(1)),
                   node("gru", "gru", {{"x", 0}}, gruOptions(4)), inputNode("x", {-1, 2})},
                  {{"dense", 0}}));
  EXPECT_EQ(graph.nodes[0].name, "x");
  EXPECT_EQ(graph.nodes[2].name, "dense");
}

TEST(Graph, BidirectionalNamesAndShapes) {
  const Graph graph = Graph::parse(description(
      {inputNode("x", {-1, 2}),
       node("bidirectional", "bidirectional", {{"x", 0}},
            bidirectionalOptions(gruOptions(4, {{"returnSequences", Value::boolean(true)},
                                                {"returnState", Value::boolean(true)}}),
                                 "concat"))},
      {{"bidirectional", 0}, {"bidirectional", 2}}));
  EXPECT_EQ(graph.parameters[0].name, "bidirectional/forward/kernel");
  EXPECT_EQ(graph.parameters[5].name, "bidirectional/backward/bias");
  EXPECT_EQ(describeShape(graph.at(graph.outputs[0]).shape), "[null,null,8]");
  EXPECT_EQ(describeShape(graph.at(graph.outputs[1]).shape), "[null,4]");
}

Graph windows(std::vector<Value> layers, const Ref& output) {
  layers.insert(layers.begin(), inputNode("x", {-1, 4}));
  return Graph::parse(description(std::move(layers), {output}));
}

TEST(Graph, ExtentsFollowFromOthers) {
  const auto conv = [](const std::string& name, const std::string& from, const Members& changes) {
    return node("conv1d", name, {{from, 0}}, convolutionOptions(2, {3}, changes));
  };
  const Members strides{{"strides", Value::number(2)}};
  const Graph graph = windows({conv("a", "x", {}), conv("b", "a", strides), conv("c", "x", {}),
                               conv("d", "x", {{"padding", Value::string("causal")}})},
                              {"b", 0});
  const auto steps = [&](const char* name) { return graph.findNode(name)->outputs[0].shape[1]; };
  EXPECT_EQ(describeShape(graph.findNode("b")->outputs[0].shape), "[null,null,2]");
  EXPECT_EQ(steps("d"), steps("x"));
  EXPECT_EQ(steps("c"), steps("a"));
  EXPECT_NE(steps("b"), steps("a"));
  EXPECT_EQ(graph.symbols, 3);
  const std::vector<int64_t> numbers = graph.symbolsAt(9);
  EXPECT_EQ(numbers[static_cast<size_t>(symbolNumber(steps("a")))], 7);
  EXPECT_EQ(numbers[static_cast<size_t>(symbolNumber(steps("b")))], 3);
}

TEST(Graph, ExtentsThatAreTooSmall) {
  const Value conv = node("conv1d", "c", {{"x", 0}}, convolutionOptions(2, {3}));
  EXPECT_EQ(codeOf(description({inputNode("x", {2, 4}), conv}, {{"c", 0}})), Code::ShapeMismatch);
  const Graph graph = windows({conv}, {"c", 0});
  EXPECT_EQ(graph.symbolsAt(3).back(), 1);
  try {
    graph.symbolsAt(2);
    ADD_FAILURE() << "no window fits into two steps";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::ShapeMismatch);
    EXPECT_EQ(error.details().layer, "c");
    EXPECT_EQ(error.details().received, "2");
  }
}

// What no layer of ours describes, a file may.
TEST(Graph, HostileWindows) {
  const auto code = [](const std::string& kind, const Members& options) {
    const int64_t axes = kind.ends_with("2d") ? 2 : 1;
    const Value x = axes == 1 ? inputNode("x", {-1, 4}) : inputNode("x", {-1, -1, 4});
    return codeOf(description({x, node(kind, "c", {{"x", 0}}, options)}, {{"c", 0}}));
  };
  const auto conv = [](const Members& changes) { return convolutionOptions(2, {3}, changes); };
  const Value two = Value::number(2), zero = Value::number(0), huge = Value::number(0x1p40);
  for (const char* name : {"kernelSize", "strides", "dilationRate", "filters"})
    for (const Value& value : {zero, huge, Value::number(1.5), Value::string("3"), numbers({3, 3})})
      EXPECT_EQ(code("conv1d", conv({{name, value}})), Code::Config) << name;
  EXPECT_EQ(code("conv1d", conv({{"strides", two}, {"dilationRate", two}})), Code::Config);
  EXPECT_EQ(code("conv1d", conv({{"padding", Value::string("full")}})), Code::Config);
  EXPECT_EQ(code("conv1d",
                 conv({{"kernelSize", Value::number(0x1p30)}, {"filters", Value::number(0x1p30)}})),
            Code::OutOfMemory);
  EXPECT_EQ(code("conv1d", conv({{"padding", Value::string("causal")},
                                 {"dilationRate", Value::number(0x1p30)},
                                 {"kernelSize", Value::number(0x1p20)}})),
            Code::OutOfMemory);
  const auto image = [](const Members& changes) { return convolutionOptions(2, {3, 3}, changes); };
  for (const Value& value : {two, numbers({3}), numbers({3, 0}), numbers({3, 3, 3})})
    EXPECT_EQ(code("conv2d", image({{"kernelSize", value}})), Code::Config);
  EXPECT_EQ(code("conv2d", image({{"padding", Value::string("causal")}})), Code::Config);
  EXPECT_EQ(code("conv1d", image({})), Code::Config);
  EXPECT_EQ(code("maxPooling1d", windowOptions("poolSize", {2}, {{"strides", zero}})),
            Code::Config);
  EXPECT_EQ(code("globalMaxPooling1d", {}), Code::Config);
}

TEST(Graph, HostileAttention) {
  const auto code = [](const std::string& kind, const std::vector<std::vector<int64_t>>& shapes,
                       const Members& options) {
    std::vector<Value> nodes;
    std::vector<Ref> inputs;
    for (const auto& shape : shapes) {
      inputs.push_back({cat("x", inputs.size()), 0});
      nodes.push_back(inputNode(inputs.back().first, shape));
    }
    nodes.push_back(node(kind, "a", inputs, options));
    return codeOf(description(nodes, {{"a", 0}}));
  };
  const std::vector<int64_t> series{-1, 4};
  const Members dot = attentionOptions({{"scoreMode", Value::string("dot")}});
  EXPECT_EQ(code("attention", {series}, dot), Code::Config);
  EXPECT_EQ(code("attention", {series, series, series, series}, dot), Code::Config);
  EXPECT_EQ(code("attention", {series, {4}}, dot), Code::ShapeMismatch);
  EXPECT_EQ(code("attention", {series, {-1, -1}}, dot), Code::ShapeMismatch);
  EXPECT_EQ(code("attention", {series, {-1, 5}}, dot), Code::ShapeMismatch);
  EXPECT_EQ(code("attention", {series, {3, 4}, {2, 4}}, dot), Code::ShapeMismatch);
  for (const auto& [name, value] : Members{{"dropout", Value::number(1)},
                                           {"dropout", Value::number(-0.1)},
                                           {"useScale", Value::number(1)},
                                           {"useCausalMask", Value()},
                                           {"scoreMode", Value::string("sum")},
                                           {"other", Value()}})
    EXPECT_EQ(code("attention", {series, series}, with(dot, {{name, value}})), Code::Config);
  const Members heads = multiHeadOptions(2, 3, 3);
  for (const char* name : {"numHeads", "keyDim", "valueDim"})
    for (const double n : {0.0, 1.5, -1.0, 0x1p40})
      EXPECT_EQ(
          code("multiHeadAttention", {series, series}, with(heads, {{name, Value::number(n)}})),
          Code::Config);
  EXPECT_EQ(
      code("multiHeadAttention", {series, series},
           with(heads, {{"numHeads", Value::number(0x1p20)}, {"keyDim", Value::number(0x1p30)}})),
      Code::OutOfMemory);
}

TEST(Graph, WindowsNeedTheirAxes) {
  const auto code = [](const std::string& kind, const std::vector<int64_t>& shape,
                       const Members& options) {
    return codeOf(
        description({inputNode("x", shape), node(kind, "c", {{"x", 0}}, options)}, {{"c", 0}}));
  };
  EXPECT_EQ(code("conv1d", {4}, convolutionOptions(2, {3})), Code::ShapeMismatch);
  EXPECT_EQ(code("conv1d", {-1, -1}, convolutionOptions(2, {3})), Code::ShapeMismatch);
  EXPECT_EQ(code("conv2d", {-1, 4}, convolutionOptions(2, {3, 3})), Code::ShapeMismatch);
  EXPECT_EQ(code("maxPooling2d", {-1, 4}, windowOptions("poolSize", {2, 2})), Code::ShapeMismatch);
  EXPECT_EQ(code("globalMaxPooling1d", {4}, {{"keepdims", Value::boolean(false)}}),
            Code::ShapeMismatch);
}

TEST(Graph, SharedLayersHaveOneSetOfParameters) {
  const Graph graph = Graph::parse(
      description({inputNode("x", {3}), node("dense", "a", {{"x", 0}}, denseOptions(3)),
                   node("dense", "b", {{"a", 0}}, denseOptions(3), "a")},
                  {{"b", 0}}));
  EXPECT_EQ(graph.parameters.size(), 2u);
  EXPECT_EQ(
      codeOf(description({inputNode("x", {3}), node("dense", "a", {{"x", 0}}, denseOptions(2)),
                          node("dense", "b", {{"a", 0}}, denseOptions(3), "a")},
                         {{"b", 0}})),
      Code::ShapeMismatch);
}

TEST(Graph, RefusesHostileDescriptions) {
  const Value x = inputNode("x", {-1, 3});
  const auto dense = [](const char* name, const char* from) {
    return node("dense", name, {{from, 0}}, denseOptions(3));
  };
  EXPECT_EQ(codeOf(Value()), Code::Config);
  EXPECT_EQ(codeOf(description({}, {})), Code::Config);
  EXPECT_EQ(codeOf(description({x}, {})), Code::Config);
  EXPECT_EQ(codeOf(description({x, dense("a", "b"), dense("b", "a")}, {{"a", 0}})),
            Code::Config);  // a cycle
  EXPECT_EQ(codeOf(description({x, dense("a", "a")}, {{"a", 0}})), Code::Config);
  EXPECT_EQ(codeOf(description({x, x}, {{"x", 0}})), Code::Config);
  EXPECT_EQ(codeOf(description({x, dense("a", "nowhere")}, {{"a", 0}})), Code::Config);
  EXPECT_EQ(codeOf(description({x, dense("a/b", "x")}, {{"a/b", 0}})), Code::Config);
  EXPECT_EQ(codeOf(description({x, dense("a", "x")}, {{"a", 1}})), Code::Config);
  EXPECT_EQ(codeOf(description({x, dense("a", "x")}, {{"a", -1}})), Code::Config);
  EXPECT_EQ(codeOf(description({x, node("nonsense", "a", {{"x", 0}}, {})}, {{"a", 0}})),
            Code::Unsupported);
  EXPECT_EQ(
      codeOf(description({x, node("dense", "a", {{"x", 0}}, denseOptions(3, {{"extra", Value()}}))},
                         {{"a", 0}})),
      Code::Config);
  EXPECT_EQ(codeOf(description({x, node("dense", "a", {{"x", 0}}, {})}, {{"a", 0}})), Code::Config);
  for (const double units : {0.0, -1.0, 1.5, 2147483648.0, 1e300})
    EXPECT_EQ(codeOf(description({x, node("gru", "g", {{"x", 0}},
                                          gruOptions(1, {{"units", Value::number(units)}}))},
                                 {{"g", 0}})),
              Code::Config)
        << units;
  EXPECT_EQ(codeOf(description({x, node("gru", "g", {{"x", 0}}, gruOptions(1 << 30))}, {{"g", 0}})),
            Code::OutOfMemory);
  EXPECT_EQ(codeOf(description({inputNode("x", {int64_t{1} << 50}), dense("a", "x")}, {{"a", 0}})),
            Code::Config);
  EXPECT_EQ(codeOf(description({inputNode("x", {3}), node("gru", "g", {{"x", 0}}, gruOptions(2))},
                               {{"g", 0}})),
            Code::ShapeMismatch);
  EXPECT_EQ(codeOf(description({x, node("gru", "g", {{"x", 0}}, gruOptions(2)),
                                node("gru", "h", {{"x", 0}, {"g", 0}}, gruOptions(3))},
                               {{"h", 0}})),
            Code::ShapeMismatch);
  const Value penalties[] = {
      penaltyValue(-1, 0), penaltyValue(0, 0.0 / 0.0), Value::string("l2"),
      Value::object({{"l1", Value::number(1)}}),
      Value::object(
          {{"l1", Value::number(1)}, {"l2", Value::number(1)}, {"l3", Value::number(1)}})};
  for (const Value& penalty : penalties)
    for (const char* option : {"kernelRegularizer", "biasRegularizer", "activityRegularizer"}) {
      EXPECT_EQ(codeOf(description(
                    {x, node("dense", "a", {{"x", 0}}, denseOptions(3, {{option, penalty}}))},
                    {{"a", 0}})),
                Code::Config);
      EXPECT_EQ(
          codeOf(description(
              {x, node("lstm", "a", {{"x", 0}}, lstmOptions(3, {{option, penalty}}))}, {{"a", 0}})),
          Code::Config);
    }
  EXPECT_EQ(codeOf(description({x, node("dropout", "d", {{"x", 0}}, {{"rate", Value::number(1)}})},
                               {{"d", 0}})),
            Code::Config);
}

TEST(Graph, DeepChainsDoNotRecurse) {
  std::vector<Value> nodes{inputNode("x", {3})};
  for (int i = 0; i < 9000; ++i)
    nodes.push_back(node("dropout", "d" + std::to_string(i),
                         {{i == 0 ? "x" : "d" + std::to_string(i - 1), 0}},
                         {{"rate", Value::number(0.1)}}));
  EXPECT_EQ(Graph::parse(description(std::move(nodes), {{"d8999", 0}})).nodes.size(), 9001u);
}

TEST(Graph, ValuesThatNoMachineHoldsAreRefused) {
  // Each concatenation is 64 times as wide as the one before: 12 of them overflow 64 bits.
  std::vector<Value> nodes{inputNode("c0", {5})};
  for (int i = 1; i <= 12; ++i)
    nodes.push_back(node("concatenate", cat("c", i), std::vector<Ref>(64, {cat("c", i - 1), 0}),
                         {{"axis", Value::number(-1)}}));
  EXPECT_EQ(codeOf(description(nodes, {{"c12", 0}})), Code::OutOfMemory);
}

TEST(Graph, NamesHoldNoControlCharacters) {
  for (const char c : {'\0', '\n', '\x1f', '/'})
    EXPECT_EQ(codeOf(description({inputNode(std::string("a") + c, {3})}, {{"a", 0}})),
              Code::Config);
}

TEST(Graph, ADirectionIsNotFrozenAlone) {
  const Members frozen = gruOptions(4, {{"trainable", Value::boolean(false)}});
  EXPECT_EQ(
      codeOf(description({inputNode("x", {-1, 2}), node("bidirectional", "b", {{"x", 0}},
                                                        bidirectionalOptions(frozen, "concat"))},
                         {{"b", 0}})),
      Code::Config);
}

}  // namespace
}  // namespace sluice::test
