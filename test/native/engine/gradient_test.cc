// Every layer's backward against central differences, in double through the reference backend.
#include <gtest/gtest.h>

#include <functional>
#include <tuple>

#include "support/double_model.h"

namespace sluice::test {
namespace {

TEST(LayerGradients, Gru) {
  for (const bool resetAfter : {true, false})
    for (const char* gate : {"keep", "replace"})
      for (const bool sequences : {true, false})
        for (const bool backwards : {true, false})
          for (const char* output : {"zero", "repeat"}) {
            const Members options = gruOptions(2, {{"resetAfter", Value::boolean(resetAfter)},
                                                   {"updateGate", Value::string(gate)},
                                                   {"returnSequences", Value::boolean(sequences)},
                                                   {"goBackwards", Value::boolean(backwards)},
                                                   {"maskedOutput", Value::string(output)}});
            check(std::string("gru ") + gate,
                  description({x(), node("gru", "gru", {{"x", 0}}, options)}, {{"gru", 0}}));
          }
}

TEST(LayerGradients, GruStates) {
  for (const bool sequences : {true, false}) {
    const Members options = gruOptions(2, {{"returnSequences", Value::boolean(sequences)},
                                           {"returnState", yes()},
                                           {"useBias", Value::boolean(sequences)}});
    const Value start = inputNode("s", {2});
    check("gru states", description({x(), start, node("gru", "gru", {{"x", 0}, {"s", 0}}, options)},
                                    {{"gru", 0}, {"gru", 1}}));
    check(
        "gru state alone",
        description({x(), start, node("gru", "gru", {{"x", 0}, {"s", 0}}, options)}, {{"gru", 1}}));
  }
}

TEST(LayerGradients, GruActivations) {
  for (const auto& [name, alpha, beta] : {std::tuple{"softsign", 0.0, 0.0},
                                          {"softplus", 0.0, 0.0},
                                          {"elu", 0.7, 0.0},
                                          {"leakyRelu", 0.3, 0.0},
                                          {"linear", 0.0, 0.0},
                                          {"sigmoid", 0.0, 0.0}})
    check(name,
          description({x(), node("gru", "gru", {{"x", 0}},
                                 gruOptions(2, {{"activation", activationValue(name, alpha, beta)},
                                                {"recurrentActivation",
                                                 activationValue("hardSigmoid", 0.1, 0.5)}}))},
                      {{"gru", 0}}));
}

TEST(LayerGradients, OtherCells) {
  for (const bool sequences : {true, false})
    for (const bool backwards : {true, false})
      for (const char* output : {"zero", "repeat"}) {
        const Members changes{{"returnSequences", Value::boolean(sequences)},
                              {"returnState", yes()},
                              {"goBackwards", Value::boolean(backwards)},
                              {"maskedOutput", Value::string(output)},
                              {"useBias", Value::boolean(sequences)}};
        const Value h = inputNode("h", {2}), c = inputNode("c", {2});
        check("lstm", description({x(), h, c,
                                   node("lstm", "lstm", {{"x", 0}, {"h", 0}, {"c", 0}},
                                        lstmOptions(2, changes))},
                                  {{"lstm", 0}, {"lstm", 1}, {"lstm", 2}}));
        check("simpleRnn", description({x(), h,
                                        node("simpleRnn", "rnn", {{"x", 0}, {"h", 0}},
                                             simpleRnnOptions(2, changes))},
                                       {{"rnn", 0}, {"rnn", 1}}));
      }
  // The cell's state alone is looked at.
  check(
      "lstm c",
      description({x(), node("lstm", "lstm", {{"x", 0}}, lstmOptions(2, {{"returnState", yes()}}))},
                  {{"lstm", 2}}));
  check("lstm activations",
        description({x(), node("lstm", "lstm", {{"x", 0}},
                               lstmOptions(2, {{"activation", activationValue("softsign")},
                                               {"recurrentActivation",
                                                activationValue("hardSigmoid", 0.1, 0.5)}}))},
                    {{"lstm", 0}}));
  check("lstm in both directions",
        description({x(), node("bidirectional", "b", {{"x", 0}},
                               bidirectionalOptions(lstmOptions(2, {{"returnSequences", yes()}}),
                                                    "concat", "lstm"))},
                    {{"b", 0}}));
}

TEST(LayerGradients, MinGru) {
  for (const bool sequences : {true, false})
    for (const bool backwards : {true, false})
      for (const char* output : {"zero", "repeat"}) {
        const Members changes{{"returnSequences", Value::boolean(sequences)},
                              {"returnState", yes()},
                              {"goBackwards", Value::boolean(backwards)},
                              {"maskedOutput", Value::string(output)},
                              {"activation", activationValue(sequences ? "tanh" : "linear")},
                              {"useBias", Value::boolean(backwards)}};
        check("minGru",
              description({x(), inputNode("h", {2}),
                           node("minGru", "m", {{"x", 0}, {"h", 0}}, minGruOptions(2, changes))},
                          {{"m", 0}, {"m", 1}}));
      }
}

// Of a layer with a cell, by its kind.
Members cellOptions(const std::string& kind, const Members& changes) {
  return kind == "gru"    ? gruOptions(2, changes)
         : kind == "lstm" ? lstmOptions(2, changes)
                          : simpleRnnOptions(2, changes);
}

TEST(LayerGradients, LayerNormAndClip) {
  // Of a state of zeros the product has no variance, and epsilon alone bounds the slopes.
  const Members norm{{"layerNorm", yes()}, {"layerNormEpsilon", Value::number(0.1)}};
  for (const std::string kind : {"gru", "lstm", "simpleRnn"})
    for (Members changes :
         {norm, Members{{"clip", Value::number(0.3)}},
          with(norm, {{"clip", Value::number(0.5)}, {"useBias", Value::boolean(false)}}),
          with(norm, {{"recurrentDropout", Value::number(0.4)}, {"zoneout", Value::number(0.4)}})})
      for (const bool sequences : {false, true}) {
        changes = with(changes, {{"returnSequences", Value::boolean(sequences)}});
        const Members options = cellOptions(kind, changes);
        check(kind + " " + changes.front().first,
              description({x(), node(kind.c_str(), "r", {{"x", 0}}, options)}, {{"r", 0}}));
        check("both " + kind,
              description({x(), node("bidirectional", "b", {{"x", 0}},
                                     bidirectionalOptions(options, "concat", kind.c_str()))},
                          {{"b", 0}}));
      }
}

TEST(LayerGradients, DropoutAndZoneout) {
  const Value rate = Value::number(0.4);
  for (const char* kind : {"gru", "lstm", "simpleRnn"})
    for (const Members& changes :
         {Members{{"dropout", rate}}, Members{{"recurrentDropout", rate}},
          Members{{"zoneout", rate}}, Members{{"recurrentDropConnect", rate}},
          Members{{"dropout", rate},
                  {"recurrentDropout", rate},
                  {"zoneout", rate},
                  {"returnSequences", yes()}}}) {
      check(
          std::string(kind) + " " + changes.front().first,
          description({x(), node(kind, "r", {{"x", 0}}, cellOptions(kind, changes))}, {{"r", 0}}));
      check(
          std::string("both") + kind,
          description({x(), node("bidirectional", "b", {{"x", 0}},
                                 bidirectionalOptions(cellOptions(kind, changes), "concat", kind))},
                      {{"b", 0}}));
    }
  check("gru reset before",
        description({x(), node("gru", "r", {{"x", 0}},
                               gruOptions(2, {{"dropout", rate},
                                              {"recurrentDropout", rate},
                                              {"resetAfter", Value::boolean(false)}}))},
                    {{"r", 0}}));
}

TEST(LayerGradients, LearnedStart) {
  for (const bool sequences : {true, false}) {
    const Members changes{{"initialState", Value::string("learned")},
                          {"returnSequences", Value::boolean(sequences)},
                          {"returnState", yes()}};
    const std::pair<const char*, Members> kinds[] = {{"gru", gruOptions(2, changes)},
                                                     {"lstm", lstmOptions(2, changes)},
                                                     {"simpleRnn", simpleRnnOptions(2, changes)},
                                                     {"minGru", minGruOptions(2, changes)}};
    for (const auto& [kind, options] : kinds) {
      check(cat(kind, " with a learned start"),
            description({x(), node(kind, "r", {{"x", 0}}, options)}, {{"r", 0}, {"r", 1}}));
      check(cat(kind, " with learned starts in both directions"),
            description({x(), node("bidirectional", "b", {{"x", 0}},
                                   bidirectionalOptions(options, "concat", kind))},
                        {{"b", 0}, {"b", 2}}));
    }
  }
  const Members options =
      gruOptions(3, {{"returnSequences", yes()}, {"initialState", Value::string("learned")}});
  check("a shared learned start", description({x(), node("gru", "g", {{"x", 0}}, options),
                                               node("gru", "h", {{"g", 0}}, options, "g")},
                                              {{"h", 0}}));
}

TEST(LayerGradients, Bidirectional) {
  for (const char* merge : {"concat", "sum", "ave", "mul"})
    for (const bool sequences : {true, false})
      check(std::string("bidirectional ") + merge,
            description(
                {x(),
                 node("bidirectional", "b", {{"x", 0}},
                      bidirectionalOptions(
                          gruOptions(2, {{"returnSequences", Value::boolean(sequences)}}), merge))},
                {{"b", 0}}));
  const Members layer = gruOptions(2, {{"returnSequences", yes()}, {"returnState", yes()}});
  check("bidirectional none",
        description({x(), inputNode("f", {2}), inputNode("g", {2}),
                     node("bidirectional", "b", {{"x", 0}, {"f", 0}, {"g", 0}},
                          bidirectionalOptions(layer, "none"))},
                    {{"b", 0}, {"b", 1}, {"b", 2}, {"b", 3}}));
  check("bidirectional one direction", description({x(), node("bidirectional", "b", {{"x", 0}},
                                                              bidirectionalOptions(layer, "none"))},
                                                   {{"b", 1}}));
}

TEST(LayerGradients, TheOthers) {
  check("dense", description({x(),
                              node("dense", "d", {{"x", 0}},
                                   denseOptions(2, {{"activation", activationValue("tanh")}})),
                              node("dense", "e", {{"d", 0}},
                                   denseOptions(2, {{"useBias", Value::boolean(false)}}))},
                             {{"e", 0}}));
  check("activation", description({x(), node("activation", "a", {{"x", 0}},
                                             {{"activation", activationValue("softplus")}})},
                                  {{"a", 0}}));
  check("dropout", description({x(), node("dense", "d", {{"x", 0}}, denseOptions(4)),
                                node("dropout", "o", {{"d", 0}}, {{"rate", Value::number(0.4)}})},
                               {{"o", 0}}));
  check("reverse", description({x(), node("dense", "d", {{"x", 0}}, denseOptions(2)),
                                node("reverse", "r", {{"d", 0}}, {})},
                               {{"r", 0}}));
  for (const bool invert : {false, true})
    check("normalization", description({x(), node("normalization", "n", {{"x", 0}},
                                                  {{"epsilon", Value::number(1e-7)},
                                                   {"invert", Value::boolean(invert)},
                                                   {"trainable", Value::boolean(false)}})},
                                       {{"n", 0}}));
  check("concatenate", description({x(), inputNode("y", {-1, 2}),
                                    node("concatenate", "c", {{"x", 0}, {"y", 0}, {"x", 0}},
                                         {{"axis", Value::number(-1)}}),
                                    node("gru", "gru", {{"c", 0}}, gruOptions(2))},
                                   {{"gru", 0}}));
}

Value one(const std::string& kind, const Value& input, const Members& options) {
  return description({input, node(kind, "layer", {{"x", 0}}, options)}, {{"layer", 0}});
}

TEST(LayerGradients, Convolution) {
  const Value multiplier = Value::number(2);
  for (const char* padding : {"valid", "same", "causal"}) {
    const Members options{{"padding", Value::string(padding)},
                          {"activation", activationValue("tanh")}};
    check(padding, one("conv1d", x(), convolutionOptions(2, {3}, options)));
    if (padding == std::string("causal")) continue;
    check(padding,
          one("conv2d", inputNode("x", {-1, 3, 2}), convolutionOptions(2, {2, 3}, options)));
    const Members depthwise = with(options, {{"depthMultiplier", multiplier}});
    check(padding, one("depthwiseConv1d", x(), convolutionOptions(0, {3}, depthwise)));
    check(padding, one("depthwiseConv2d", inputNode("x", {-1, 3, 2}),
                       convolutionOptions(0, {2, 3}, depthwise)));
  }
  check("strides",
        one("conv1d", x(),
            convolutionOptions(
                2, {2}, {{"strides", Value::number(2)}, {"useBias", Value::boolean(false)}})));
  check("dilation",
        one("conv1d", x(), convolutionOptions(2, {2}, {{"dilationRate", Value::number(3)}})));
}

TEST(LayerGradients, Pooling) {
  for (const char* mode : {"max", "average"}) {
    const std::string kind = std::string(mode) + "Pooling";
    for (const char* padding : {"valid", "same"}) {
      const Members options{{"padding", Value::string(padding)}};
      check(kind, one(kind + "1d", x(), windowOptions("poolSize", {2}, options)));
      check(kind, one(kind + "2d", inputNode("x", {-1, 3, 2}),
                      windowOptions("poolSize", {2, 2}, options)));
    }
    const std::string global =
        mode == std::string("max") ? "globalMaxPooling" : "globalAveragePooling";
    for (const bool keepdims : {false, true}) {
      const Members options{{"keepdims", Value::boolean(keepdims)}};
      check(global, one(global + "1d", x(), options));
      check(global, one(global + "2d", inputNode("x", {-1, 3, 2}), options));
    }
  }
}

TEST(LayerGradients, Attention) {
  const Value y = inputNode("y", {-1, 3}), z = inputNode("z", {-1, 3});
  const Value values = inputNode("y", {-1, 2});
  const auto layer = [](const std::string& kind, const std::vector<Ref>& inputs,
                        const Members& options) { return node(kind, "layer", inputs, options); };
  for (const bool causal : {false, true})
    for (const bool scaled : {false, true}) {
      const Members options = attentionOptions(
          {{"useCausalMask", Value::boolean(causal)}, {"useScale", Value::boolean(scaled)}});
      for (const char* mode : {"dot", "concat"}) {
        const Members own = with(options, {{"scoreMode", Value::string(mode)}});
        check(mode,
              description({x(), y, layer("attention", {{"x", 0}, {"y", 0}}, own)}, {{"layer", 0}}));
        check(mode,
              description({x(), values, z, layer("attention", {{"x", 0}, {"y", 0}, {"z", 0}}, own)},
                          {{"layer", 0}}));
      }
      check("additive",
            description({x(), y, layer("additiveAttention", {{"x", 0}, {"y", 0}}, options)},
                        {{"layer", 0}}));
      const Members heads = multiHeadOptions(
          2, 3, 2,
          {{"useCausalMask", Value::boolean(causal)}, {"useBias", Value::boolean(scaled)}});
      check("heads", description({x(), y, layer("multiHeadAttention", {{"x", 0}, {"y", 0}}, heads)},
                                 {{"layer", 0}}));
      check("heads",
            description({x(), values, z,
                         layer("multiHeadAttention", {{"x", 0}, {"y", 0}, {"z", 0}}, heads)},
                        {{"layer", 0}}));
      check("itself", description({x(), layer("multiHeadAttention", {{"x", 0}, {"x", 0}}, heads)},
                                  {{"layer", 0}}));
    }
  const Members dropped = multiHeadOptions(2, 2, 2, {{"dropout", Value::number(0.4)}});
  check("dropout", description({x(), layer("multiHeadAttention", {{"x", 0}, {"x", 0}}, dropped)},
                               {{"layer", 0}}));
}

// Lengths that follow from the input's, and from one another.
TEST(LayerGradients, WindowsBetweenOtherLayers) {
  check("windows",
        description({x(), node("dense", "d", {{"x", 0}}, denseOptions(2)),
                     node("conv1d", "c", {{"d", 0}},
                          convolutionOptions(2, {3}, {{"padding", Value::string("same")}})),
                     node("maxPooling1d", "p", {{"c", 0}},
                          windowOptions("poolSize", {2}, {{"strides", Value::number(2)}})),
                     node("gru", "g", {{"p", 0}}, gruOptions(2))},
                    {{"g", 0}}));
}

TEST(LayerGradients, OneValueReadTwice) {
  check("two readers",
        description({x(),
                     node("gru", "g", {{"x", 0}},
                          gruOptions(2, {{"returnSequences", yes()}, {"returnState", yes()}})),
                     node("gru", "h", {{"g", 0}, {"g", 1}}, gruOptions(2)),
                     node("concatenate", "c", {{"h", 0}, {"g", 1}}, {{"axis", Value::number(-1)}})},
                    {{"c", 0}, {"g", 0}}));
}

TEST(LayerGradients, SharedLayers) {
  const Members options = gruOptions(3, {{"returnSequences", yes()}});
  check("shared", description({x(), node("gru", "g", {{"x", 0}}, options),
                               node("gru", "h", {{"g", 0}}, options, "g")},
                              {{"h", 0}}));
}

}  // namespace
}  // namespace sluice::test
