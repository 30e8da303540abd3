// The backward of layers around recurrent ones against central differences, in double through the
// reference backend.
#include <gtest/gtest.h>

#include "support/double_model.h"

namespace sluice::test {
namespace {

Members embeddingOptions(int64_t features, bool maskZero) {
  return {{"inputDim", Value::number(kIds)},
          {"outputDim", Value::number(static_cast<double>(features))},
          {"embeddingsInitializer", named("uniform")},
          {"maskZero", Value::boolean(maskZero)},
          {"trainable", yes()}};
}

TEST(AroundGradients, Embedding) {
  for (const bool maskZero : {false, true})
    check("embedding",
          description({inputNode("x", {-1}, "int32"),
                       node("embedding", "e", {{"x", 0}}, embeddingOptions(3, maskZero)),
                       node("gru", "gru", {{"e", 0}}, gruOptions(2))},
                      {{"gru", 0}, {"e", 0}}));
  check("embedding of two ids a step",
        description({inputNode("x", {-1, 2}, "int32"),
                     node("embedding", "e", {{"x", 0}}, embeddingOptions(3, false))},
                    {{"e", 0}}));
}

TEST(AroundGradients, Masking) {
  check("masking",
        description({x(), node("masking", "m", {{"x", 0}}, {{"maskValue", Value::number(0)}}),
                     node("gru", "gru", {{"m", 0}}, gruOptions(2))},
                    {{"gru", 0}, {"m", 0}}));
}

// Keeps the gradients of a shape's elements apart.
Value squashed(const std::string& input) {
  return node("activation", "squashed", {{input, 0}}, {{"activation", activationValue("tanh")}});
}

TEST(AroundGradients, Shapes) {
  const Value fixed = inputNode("x", {kSteps, 2, 3});
  const auto through = [&](const char* kind, Members options, const Value& from) {
    check(kind, description({from, node(kind, "l", {{"x", 0}}, std::move(options)), squashed("l")},
                            {{"squashed", 0}, {"l", 0}}));
  };
  through("flatten", {}, fixed);
  through("reshape", {{"targetShape", numbers({3, -1})}}, fixed);
  through("reshape", {{"targetShape", numbers({-1, 3, 1})}}, x());
  through("permute", {{"dims", numbers({1, 3, 2})}}, fixed);
  through("permute", {{"dims", numbers({3, 1, 2})}}, fixed);
  through("permute", {{"dims", numbers({2, 1})}}, x());
  through("repeatVector", {{"n", Value::number(3)}}, inputNode("x", {2}));
  for (const double axis : {1, 2, -1}) through("softmax", {{"axis", Value::number(axis)}}, x());
}

TEST(AroundGradients, OtherActivations) {
  for (const char* name : {"exponential", "selu", "silu", "gelu", "softmax"}) {
    check(name, description({x(), node("activation", "a", {{"x", 0}},
                                       {{"activation", activationValue(name)}})},
                            {{"a", 0}}));
    check(name, description({x(), node("dense", "d", {{"x", 0}},
                                       denseOptions(3, {{"activation", activationValue(name)}}))},
                            {{"d", 0}}));
    check(name,
          description(
              {x(), node("conv1d", "c", {{"x", 0}},
                         convolutionOptions(3, {2}, {{"activation", activationValue(name)}}))},
              {{"c", 0}}));
  }
}

Value distributed(const std::string& kind, Members options) {
  return node("timeDistributed", "t", {{"x", 0}},
              {{"layer", Value::object({{"kind", Value::string(kind)},
                                        {"options", Value::object(std::move(options))}})},
               {"trainable", yes()}});
}

TEST(AroundGradients, TimeDistributed) {
  const Value pictures = inputNode("x", {-1, 2, 3});
  const auto each = [&](const std::string& kind, Members options) {
    check("timeDistributed " + kind,
          description({pictures, distributed(kind, std::move(options)), squashed("t")},
                      {{"squashed", 0}}));
  };
  each("gru", gruOptions(2));
  each("gru", gruOptions(2, {{"returnSequences", yes()}, {"goBackwards", yes()}}));
  each("bidirectional", bidirectionalOptions(lstmOptions(2), "concat", "lstm"));
  each("dense", denseOptions(2, {{"activation", activationValue("gelu")}}));
  each("flatten", {});
  each("reshape", {{"targetShape", numbers({3, 2})}});
  each("permute", {{"dims", numbers({2, 1})}});
  each("softmax", {{"axis", Value::number(1)}});
  each("dropout", {{"rate", Value::number(0.3)}});
  each("timeDistributed", {{"layer", Value::object({{"kind", Value::string("dense")},
                                                    {"options", Value::object(denseOptions(2))}})},
                           {"trainable", yes()}});
  check("timeDistributed embedding",
        description({inputNode("x", {-1, 2}, "int32"),
                     distributed("embedding", embeddingOptions(3, false))},
                    {{"t", 0}}));
}

TEST(AroundGradients, Merges) {
  for (const char* kind : {"add", "average", "multiply", "maximum", "minimum", "subtract"}) {
    std::vector<Ref> inputs{{"x", 0}, {"y", 0}};
    if (std::string(kind) != "subtract") inputs.insert(inputs.end(), {{"z", 0}, {"x", 0}});
    check(kind, description({x(), inputNode("y", {-1, 3}), inputNode("z", {-1, 3}),
                             node(kind, "l", inputs, {}),
                             node("gru", "gru", {{"l", 0}}, gruOptions(2)), squashed("z")},
                            {{"gru", 0}, {"l", 0}, {"squashed", 0}}));
  }
}

TEST(AroundGradients, Dot) {
  const Value vector = inputNode("x", {3}), matrix = inputNode("x", {-1, 3});
  for (const bool normalize : {false, true}) {
    const auto product = [&](const Value& a, std::vector<int64_t> b, int64_t axisA, int64_t axisB) {
      check("dot", description({a, inputNode("y", std::move(b)),
                                node("dot", "dot", {{"x", 0}, {"y", 0}},
                                     {{"axes", numbers({axisA, axisB})},
                                      {"normalize", Value::boolean(normalize)}}),
                                squashed("dot")},
                               {{"squashed", 0}}));
    };
    product(vector, {3}, 1, -1);
    product(vector, {-1, 3}, 1, 2);
    product(vector, {3, 2}, 1, 1);
    product(matrix, {3}, 2, 1);
    product(matrix, {-1}, 1, 1);
    product(matrix, {-1, 3}, 2, 2);
    product(matrix, {3, 2}, 2, 1);
    product(matrix, {2, -1}, 1, 2);
    product(matrix, {-1, 2}, 1, 1);
  }
}

Members normOptions(bool scale, bool center, bool batch, bool trainable = true,
                    const std::vector<int64_t>& axes = {-1}) {
  Members options{{"epsilon", Value::number(1e-3)},    {"scale", Value::boolean(scale)},
                  {"center", Value::boolean(center)},  {"gammaInitializer", named("ones")},
                  {"betaInitializer", named("zeros")}, {"trainable", Value::boolean(trainable)}};
  if (!batch) return with(std::move(options), {{"axis", numbers(axes)}});
  return with(std::move(options), {{"axis", Value::number(static_cast<double>(axes[0]))},
                                   {"momentum", Value::number(0.9)},
                                   {"movingMeanInitializer", named("zeros")},
                                   {"movingVarianceInitializer", named("ones")}});
}

TEST(AroundGradients, Norms) {
  for (const bool scale : {true, false})
    for (const bool center : {true, false}) {
      const auto behind = [&](const char* kind, Members options, const Value& input) {
        check(kind,
              description({input, node(kind, "l", {{"x", 0}}, std::move(options)), squashed("l"),
                           node("dense", "d", {{"squashed", 0}}, denseOptions(2))},
                          {{"d", 0}}));
      };
      for (const Value& input : {x(), inputNode("x", {5}), inputNode("x", {-1, 2, 3})}) {
        behind("layerNormalization", normOptions(scale, center, false), input);
        behind("batchNormalization", normOptions(scale, center, true), input);
        behind("batchNormalization", normOptions(scale, center, true, false), input);
      }
      const Value fixed = inputNode("x", {4, 2, 3}), deep = inputNode("x", {-1, 5, 3});
      for (const std::vector<int64_t>& axes :
           {std::vector<int64_t>{1}, {1, 3}, {2, 3}, {-1, -2, -3}})
        behind("layerNormalization", normOptions(scale, center, false, true, axes), fixed);
      behind("layerNormalization", normOptions(scale, center, false, true, {-2}), deep);
      behind("batchNormalization", normOptions(scale, center, true, true, {2}), deep);
    }
  // Used twice: the statistics are each use's own.
  check("batchNormalization, shared",
        description(
            {x(), node("batchNormalization", "n", {{"x", 0}}, normOptions(true, true, true)),
             squashed("n"),
             node("batchNormalization", "m", {{"squashed", 0}}, normOptions(true, true, true), "n"),
             node("activation", "e", {{"m", 0}}, {{"activation", activationValue("softsign")}})},
            {{"e", 0}}));
}

}  // namespace
}  // namespace sluice::test
