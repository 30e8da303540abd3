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
