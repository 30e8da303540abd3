// Model descriptions for native tests, with every option filled in.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/core/value.h"

namespace sluice::test {

using Members = std::vector<Value::Member>;

inline Value named(const std::string& name, Members more = {}) {
  Members members{{"name", Value::string(name)}};
  for (auto& member : more) members.push_back(std::move(member));
  return Value::object(std::move(members));
}

inline Value penaltyValue(double l1, double l2) {
  return Value::object({{"l1", Value::number(l1)}, {"l2", Value::number(l2)}});
}

inline Value activationValue(const std::string& name, double alpha = 0, double beta = 0) {
  return named(name, {{"alpha", Value::number(alpha)}, {"beta", Value::number(beta)}});
}

// Overrides members of the same name.
inline Members with(Members base, const Members& changes) {
  for (const auto& [key, value] : changes) {
    bool found = false;
    for (auto& [name, old] : base)
      if (name == key) {
        old = value;
        found = true;
      }
    if (!found) base.emplace_back(key, value);
  }
  return base;
}

inline Members gruOptions(int64_t units, const Members& changes = {}) {
  return with({{"units", Value::number(static_cast<double>(units))},
               {"activation", activationValue("tanh")},
               {"recurrentActivation", activationValue("sigmoid")},
               {"useBias", Value::boolean(true)},
               {"kernelInitializer", named("glorotUniform")},
               {"recurrentInitializer", named("orthogonal")},
               {"biasInitializer",
                named("uniform", {{"min", Value::number(-0.5)}, {"max", Value::number(0.5)}})},
               {"resetAfter", Value::boolean(true)},
               {"updateGate", Value::string("keep")},
               {"returnSequences", Value::boolean(false)},
               {"returnState", Value::boolean(false)},
               {"goBackwards", Value::boolean(false)},
               {"stateful", Value::boolean(false)},
               {"initialState", Value::string("zeros")},
               {"maskedOutput", Value::string("zero")},
               {"dropout", Value::number(0)},
               {"recurrentDropout", Value::number(0)},
               {"zoneout", Value::number(0)},
               {"recurrentDropConnect", Value::number(0)},
               {"clip", Value::number(0)},
               {"layerNorm", Value::boolean(false)},
               {"layerNormEpsilon", Value::number(1e-5)},
               {"trainable", Value::boolean(true)}},
              changes);
}

// Of an LSTM or, without the gates' options, a simple RNN.
inline Members lstmOptions(int64_t units, const Members& changes = {}) {
  Members options = gruOptions(units, {{"unitForgetBias", Value::boolean(true)}});
  std::erase_if(options, [](const auto& member) {
    return member.first == "resetAfter" || member.first == "updateGate";
  });
  return with(options, changes);
}
inline Members simpleRnnOptions(int64_t units, const Members& changes = {}) {
  Members options = lstmOptions(units);
  std::erase_if(options, [](const auto& member) {
    return member.first == "recurrentActivation" || member.first == "unitForgetBias";
  });
  return with(options, changes);
}

inline Members minGruOptions(int64_t units, const Members& changes = {}) {
  Members options = simpleRnnOptions(units);
  std::erase_if(options, [](const auto& member) {
    return member.first == "recurrentInitializer" || member.first == "zoneout" ||
           member.first.ends_with("ropout") || member.first == "recurrentDropConnect" ||
           member.first == "clip" || member.first.starts_with("layerNorm");
  });
  return with(options, changes);
}

inline Members denseOptions(int64_t units, const Members& changes = {}) {
  return with({{"units", Value::number(static_cast<double>(units))},
               {"activation", activationValue("linear")},
               {"useBias", Value::boolean(true)},
               {"kernelInitializer", named("glorotUniform")},
               {"biasInitializer",
                named("uniform", {{"min", Value::number(-0.5)}, {"max", Value::number(0.5)}})},
               {"trainable", Value::boolean(true)}},
              changes);
}

inline Members attentionOptions(const Members& changes = {}) {
  return with({{"useScale", Value::boolean(true)},
               {"dropout", Value::number(0)},
               {"useCausalMask", Value::boolean(false)},
               {"trainable", Value::boolean(true)}},
              changes);
}

inline Members multiHeadOptions(int64_t heads, int64_t keyDim, int64_t valueDim,
                                const Members& changes = {}) {
  const auto number = [](int64_t n) { return Value::number(static_cast<double>(n)); };
  return with({{"numHeads", number(heads)},
               {"keyDim", number(keyDim)},
               {"valueDim", number(valueDim)},
               {"dropout", Value::number(0)},
               {"useBias", Value::boolean(true)},
               {"kernelInitializer", named("glorotUniform")},
               {"biasInitializer", named("zeros")},
               {"useCausalMask", Value::boolean(false)},
               {"trainable", Value::boolean(true)}},
              changes);
}

inline Value numbers(const std::vector<int64_t>& list) {
  std::vector<Value> items;
  for (const int64_t n : list) items.push_back(Value::number(static_cast<double>(n)));
  return Value::array(std::move(items));
}

// Sizes of one number or two, as the layer has axes.
inline Members windowOptions(const std::string& sizeName, const std::vector<int64_t>& size,
                             const Members& changes = {}) {
  const auto along = [&](const std::vector<int64_t>& values) {
    return values.size() == 1 ? Value::number(static_cast<double>(values[0])) : numbers(values);
  };
  return with({{sizeName, along(size)},
               {"strides", along(std::vector<int64_t>(size.size(), 1))},
               {"padding", Value::string("valid")}},
              changes);
}

// Depthwise where `changes` have a depthMultiplier.
inline Members convolutionOptions(int64_t filters, const std::vector<int64_t>& size,
                                  const Members& changes = {}) {
  Members options = windowOptions("kernelSize", size);
  options.emplace_back("dilationRate", options[1].second);
  options.insert(options.end(),
                 {{"activation", activationValue("linear")},
                  {"useBias", Value::boolean(true)},
                  {"biasInitializer",
                   named("uniform", {{"min", Value::number(-0.5)}, {"max", Value::number(0.5)}})},
                  {"trainable", Value::boolean(true)}});
  options = with(std::move(options), changes);
  for (const auto& [name, value] : changes)
    if (name == "depthMultiplier") {
      options.emplace_back("depthwiseInitializer", named("glorotUniform"));
      return options;
    }
  options.emplace_back("filters", Value::number(static_cast<double>(filters)));
  options.emplace_back("kernelInitializer", named("glorotUniform"));
  return options;
}

inline Members bidirectionalOptions(Members layer, const std::string& mergeMode,
                                    const std::string& kind = "gru") {
  return {{"layer", Value::object({{"kind", Value::string(kind)},
                                   {"options", Value::object(std::move(layer))}})},
          {"backwardLayer", Value()},
          {"mergeMode", Value::string(mergeMode)},
          {"trainable", Value::boolean(true)}};
}

using Ref = std::pair<std::string, int>;

inline Value refs(const std::vector<Ref>& list) {
  std::vector<Value> items;
  for (const auto& [name, output] : list)
    items.push_back(Value::array({Value::string(name), Value::number(output)}));
  return Value::array(std::move(items));
}

inline Value node(const std::string& kind, const std::string& name, const std::vector<Ref>& inputs,
                  Members options, const std::string& sharedWith = "") {
  Members members{{"kind", Value::string(kind)},
                  {"name", Value::string(name)},
                  {"inputs", refs(inputs)},
                  {"options", Value::object(std::move(options))}};
  if (!sharedWith.empty()) members.emplace_back("sharedWith", Value::string(sharedWith));
  return Value::object(std::move(members));
}

// -1 is an unknown extent.
inline Value inputNode(const std::string& name, const std::vector<int64_t>& shape,
                       const std::string& dtype = "float32") {
  std::vector<Value> extents;
  for (const int64_t extent : shape)
    extents.push_back(extent < 0 ? Value() : Value::number(static_cast<double>(extent)));
  return node("input", name, {},
              {{"shape", Value::array(std::move(extents))}, {"dtype", Value::string(dtype)}});
}

inline Value description(std::vector<Value> nodes, const std::vector<Ref>& outputs) {
  return Value::object({{"nodes", Value::array(std::move(nodes))}, {"outputs", refs(outputs)}});
}

}  // namespace sluice::test
