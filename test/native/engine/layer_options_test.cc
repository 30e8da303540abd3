// Options of the layers around recurrent ones, as a model file might have them: what does not fit
// is refused, whatever wrote it.
#include <gtest/gtest.h>

#include "engine/core/error.h"
#include "engine/graph/graph.h"
#include "support/description.h"

namespace sluice::test {
namespace {

Value list(std::vector<Value> items) { return Value::array(std::move(items)); }
Value n(double value) { return Value::number(value); }

// The code of what Graph::parse throws for a layer over these inputs; nothing if it takes them.
std::string refusal(const char* kind, Members options, const std::vector<Value>& inputs) {
  std::vector<Value> nodes = inputs;
  std::vector<Ref> refs;
  for (size_t i = 0; i < inputs.size(); ++i)
    refs.emplace_back(inputs[i].find("name")->asString(""), 0);
  nodes.push_back(node(kind, "layer", refs, std::move(options)));
  try {
    Graph::parse(description(std::move(nodes), {{"layer", 0}}));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.details().layer, "layer") << error.what();
    return codeName(error.code());
  }
}

TEST(LayerOptions, Reshape) {
  const auto reshape = [](Value target) {
    return refusal("reshape", {{"targetShape", std::move(target)}}, {inputNode("x", {6, 4})});
  };
  EXPECT_EQ(reshape(list({n(24)})), "");
  EXPECT_EQ(reshape(list({n(3), n(-1)})), "");
  for (const double wrong : {0.0, -2.0, 9e15}) EXPECT_EQ(reshape(list({n(wrong), n(4)})), "CONFIG");
  EXPECT_EQ(reshape(list({n(-1), n(-1)})), "CONFIG");
  EXPECT_EQ(reshape(list({})), "CONFIG");
  EXPECT_EQ(reshape(list({n(5), n(5)})), "SHAPE_MISMATCH");
  EXPECT_EQ(reshape(list({n(1ll << 39), n(1ll << 39)})), "OUT_OF_MEMORY");
}

TEST(LayerOptions, Permute) {
  const auto permute = [](Value dims) {
    return refusal("permute", {{"dims", std::move(dims)}}, {inputNode("x", {6, 4})});
  };
  EXPECT_EQ(permute(list({n(2), n(1)})), "");
  for (const double wrong : {1.0, 3.0})
    EXPECT_EQ(permute(list({n(1), n(wrong)})), "SHAPE_MISMATCH");
  for (const double none : {0.0, -1.0, 9e15}) EXPECT_EQ(permute(list({n(1), n(none)})), "CONFIG");
  EXPECT_EQ(permute(list({n(1)})), "SHAPE_MISMATCH");
}

TEST(LayerOptions, Dot) {
  const std::vector<Value> inputs{inputNode("x", {6, 4}), inputNode("y", {4})};
  const auto dot = [&](Value axes) {
    return refusal("dot", {{"axes", std::move(axes)}, {"normalize", Value::boolean(false)}},
                   inputs);
  };
  EXPECT_EQ(dot(list({n(2), n(1)})), "");
  EXPECT_EQ(dot(list({n(1), n(1)})), "SHAPE_MISMATCH");
  for (const double wrong : {0.0, 3.0, -3.0, 9e15})
    EXPECT_EQ(dot(list({n(wrong), n(1)})), "CONFIG");
  EXPECT_EQ(dot(list({n(1)})), "CONFIG");
}

Members embedding(double inputDim, double outputDim, bool maskZero) {
  return {{"inputDim", n(inputDim)},
          {"outputDim", n(outputDim)},
          {"embeddingsInitializer", named("uniform")},
          {"maskZero", Value::boolean(maskZero)},
          {"trainable", Value::boolean(true)}};
}

TEST(LayerOptions, Embedding) {
  const Value ids = inputNode("x", {-1}, "int32");
  EXPECT_EQ(refusal("embedding", embedding(5, 2, true), {ids}), "");
  EXPECT_EQ(refusal("embedding", embedding(0, 2, false), {ids}), "CONFIG");
  EXPECT_EQ(refusal("embedding", embedding(5, 0, false), {ids}), "CONFIG");
  EXPECT_EQ(refusal("embedding", embedding(1ll << 31, 1ll << 30, false), {ids}), "OUT_OF_MEMORY");
  EXPECT_EQ(refusal("embedding", embedding(5, 2, false), {inputNode("x", {3})}), "SHAPE_MISMATCH");
  EXPECT_EQ(refusal("embedding", embedding(5, 2, true), {inputNode("x", {3, 2}, "int32")}),
            "SHAPE_MISMATCH");
}

TEST(LayerOptions, TimeDistributed) {
  const Value x = inputNode("x", {-1, 2, 3});
  const auto each = [&](Value layer) {
    return refusal("timeDistributed",
                   {{"layer", std::move(layer)}, {"trainable", Value::boolean(true)}}, {x});
  };
  const auto inner = [](const char* kind, Members options) {
    return Value::object(
        {{"kind", Value::string(kind)}, {"options", Value::object(std::move(options))}});
  };
  EXPECT_EQ(each(inner("flatten", {})), "");
  EXPECT_EQ(each(inner("input", {})), "UNSUPPORTED");
  EXPECT_EQ(each(inner("nothing", {})), "UNSUPPORTED");
  EXPECT_EQ(each(inner("flatten", {{"more", n(1)}})), "CONFIG");
  EXPECT_EQ(each(inner("add", {})), "CONFIG");
  EXPECT_EQ(each(Value::object({})), "CONFIG");
  EXPECT_EQ(each(inner("gru", gruOptions(2, {{"returnState", Value::boolean(true)}}))),
            "UNSUPPORTED");
  // Deeper than there are axes.
  Value deep = inner("flatten", {});
  for (int i = 0; i < 1000; ++i)
    deep =
        inner("timeDistributed", {{"layer", std::move(deep)}, {"trainable", Value::boolean(true)}});
  EXPECT_EQ(each(std::move(deep)), "SHAPE_MISMATCH");
}

TEST(LayerOptions, IdsGoToEmbeddingsAlone) {
  const Value x = inputNode("x", {-1}, "int32"), y = inputNode("y", {-1}, "int32");
  EXPECT_EQ(refusal("flatten", {}, {x}), "SHAPE_MISMATCH");
  EXPECT_EQ(refusal("add", {}, {x, y}), "SHAPE_MISMATCH");
}

}  // namespace
}  // namespace sluice::test
