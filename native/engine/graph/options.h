// Reads a node's options: each must be there, each must be known.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/backend/op.h"
#include "engine/core/error.h"
#include "engine/core/value.h"
#include "engine/graph/initializer.h"

namespace sluice {

// How a weight starts, what it costs and what it may be.
struct WeightOptions {
  std::string name;  // "kernel"
  Initializer initializer;
  PenaltyAttributes penalty;
  ConstraintAttributes constraint;
};

class OptionReader {
 public:
  // `of`: the option that these are inside of.
  OptionReader(std::string layer, const Value& options, const std::string& of = {})
      : layer_(std::move(layer)), prefix_(of.empty() ? of : of + "."), options_(options) {
    named("options", [&] { options.asObject(cat(layer_, ": options")); });
  }

  const std::string& layer() const { return layer_; }
  bool has(const std::string& name) const { return options_.find(name) != nullptr; }
  const Value& value(const std::string& name);
  bool boolean(const std::string& name) {
    return named(name, [&] { return value(name).asBoolean(label(name)); });
  }
  const std::vector<Value>& array(const std::string& name) {
    return named(
        name, [&]() -> auto& { return value(name).asArray(label(name)); });
  }
  double number(const std::string& name, double least, double most);
  // A probability below 1, of dropping something.
  double rate(const std::string& name);
  int64_t integer(const std::string& name, int64_t least, int64_t most);
  // A list of whole numbers.
  std::vector<int64_t> list(const std::string& name, int64_t least, int64_t most);
  // Two whole numbers.
  void integers(const std::string& name, int64_t (&to)[2], int64_t least, int64_t most);
  // Position of the value in `choices`.
  int choice(const std::string& name, std::initializer_list<const char*> choices);
  // One that recurrent cells have.
  ActivationSpec activation(const std::string& name);
  // One that layers have for their outputs; its name alone, which may also be "softmax".
  ActivationSpec outputActivation(const std::string& name);
  std::string activationName(const std::string& name);
  // A layer inside this one, { kind, options }.
  struct Inner {
    std::string kind;
    const Value& options;
  };
  Inner inner(const std::string& name);
  Initializer initializer(const std::string& name) {
    return named(name, [&] { return Initializer::parse(value(name), label(name)); });
  }
  // { l1, l2 }, null or absent.
  PenaltyAttributes penalty(const std::string& name);
  // { name, ... }, null or absent.
  ConstraintAttributes constraint(const std::string& name);
  // Of "kernel": kernelInitializer, kernelRegularizer, kernelConstraint.
  WeightOptions weight(const std::string& name);
  // CONFIG if an option was there that nobody read.
  void finish() const;

 private:
  int64_t within(const Value& value, const std::string& name, int64_t least, int64_t most) const;
  std::string label(const std::string& name) const {
    return cat(layer_, ": option ", prefix_, name);
  }
  // What a value's own check says is wrong is wrong with this option.
  template <typename Read>
  auto named(const std::string& name, Read read) const -> decltype(read()) {
    try {
      return read();
    } catch (const Error& error) {
      ErrorDetails details = error.details();
      details.layer = layer_;
      details.option = prefix_ + name;
      throw Error(error.code(), error.what(), details);
    }
  }

  std::string layer_, prefix_;
  const Value& options_;
  std::set<std::string> read_;
};

ActivationSpec parseActivation(const Value& value, const std::string& what);

}  // namespace sluice
