#include "engine/graph/options.h"

#include <cmath>
#include <limits>

namespace sluice {

const Value& OptionReader::value(const std::string& name) {
  read_.insert(name);
  if (const Value* found = options_.find(name)) return *found;
  fail(Code::Config, cat(label(name), " is missing"),
       {.layer = layer_, .option = prefix_ + name, .expected = "a value", .received = "nothing"});
}

double OptionReader::number(const std::string& name, double least, double most) {
  const double number = named(name, [&] { return value(name).asNumber(label(name)); });
  if (!(number >= least && number <= most))
    fail(Code::Config,
         cat(label(name), " must be from ", least, " to ", most, ", received ", number),
         {.layer = layer_,
          .option = prefix_ + name,
          .expected = cat(least, "..", most),
          .received = cat(number)});
  return number;
}

double OptionReader::rate(const std::string& name) {
  const double rate = number(name, 0, 1);
  if (rate == 1)
    fail(Code::Config, label(name) + " must be below 1, received 1",
         {.layer = layer_, .option = prefix_ + name, .expected = "below 1", .received = "1"});
  return rate;
}

int64_t OptionReader::integer(const std::string& name, int64_t least, int64_t most) {
  return within(value(name), name, least, most);
}

std::vector<int64_t> OptionReader::list(const std::string& name, int64_t least, int64_t most) {
  std::vector<int64_t> numbers;
  for (const Value& item : array(name)) numbers.push_back(within(item, name, least, most));
  return numbers;
}

void OptionReader::integers(const std::string& name, int64_t (&to)[2], int64_t least,
                            int64_t most) {
  const auto& items = array(name);
  if (items.size() != std::size(to))
    fail(Code::Config, cat(label(name), " must be two numbers, received ", items.size()),
         {.layer = layer_,
          .option = prefix_ + name,
          .expected = cat(std::size(to)),
          .received = cat(items.size())});
  for (size_t i = 0; i < items.size(); ++i) to[i] = within(items[i], name, least, most);
}

int64_t OptionReader::within(const Value& value, const std::string& name, int64_t least,
                             int64_t most) const {
  const int64_t number = named(name, [&] { return value.asInteger(label(name)); });
  if (number < least || number > most)
    fail(Code::Config,
         cat(label(name), " must be from ", least, " to ", most, ", received ", number),
         {.layer = layer_,
          .option = prefix_ + name,
          .expected = cat(least, "..", most),
          .received = cat(number)});
  return number;
}

int OptionReader::choice(const std::string& name, std::initializer_list<const char*> choices) {
  const std::string& text = named(
      name, [&]() -> auto& { return value(name).asString(label(name)); });
  int position = 0;
  std::string known;
  for (const char* choice : choices) {
    if (text == choice) return position;
    known += cat(position == 0 ? "'" : ", '", choice, "'");
    ++position;
  }
  fail(Code::Config, cat(label(name), " must be one of ", known, ", received '", text, "'"),
       {.layer = layer_, .option = prefix_ + name, .expected = known, .received = text});
}

ActivationSpec OptionReader::outputActivation(const std::string& name) {
  return named(name, [&] { return parseActivation(value(name), label(name)); });
}

std::string OptionReader::activationName(const std::string& name) {
  return named(name, [&] {
    value(name).asObject(label(name));
    const Value* found = value(name).find("name");
    return found == nullptr ? std::string() : found->asString(label(name));
  });
}

OptionReader::Inner OptionReader::inner(const std::string& name) {
  return named(name, [&] {
    const Value& given = value(name);
    given.asObject(label(name));
    const Value *kind = given.find("kind"), *options = given.find("options");
    if (kind == nullptr || options == nullptr)
      fail(Code::Config, label(name) + " must be { kind, options }",
           {.expected = "{ kind, options }", .received = given.text()});
    return Inner{kind->asString(label(name)), *options};
  });
}

ActivationSpec OptionReader::activation(const std::string& name) {
  const ActivationSpec spec = outputActivation(name);
  if (!fitsCells(spec.kind))
    fail(Code::Unsupported, cat(label(name), ": a recurrent layer does not have this activation"),
         {.layer = layer_,
          .option = prefix_ + name,
          .expected = "an activation of cells",
          .received = value(name).find("name")->text()});
  return spec;
}

PenaltyAttributes OptionReader::penalty(const std::string& name) {
  read_.insert(name);
  const Value* given = options_.find(name);
  if (given == nullptr || given->isNull()) return {};
  OptionReader factors(layer_, *given, prefix_ + name);
  const double most = std::numeric_limits<double>::max();
  const PenaltyAttributes penalty{factors.number("l1", 0, most), factors.number("l2", 0, most)};
  factors.finish();
  return penalty;
}

ConstraintAttributes OptionReader::constraint(const std::string& name) {
  read_.insert(name);
  const Value* given = options_.find(name);
  if (given == nullptr || given->isNull()) return {};
  OptionReader options(layer_, *given, prefix_ + name);
  ConstraintAttributes constraint;
  static constexpr ConstraintKind kKinds[] = {ConstraintKind::MaxNorm, ConstraintKind::NonNeg,
                                              ConstraintKind::UnitNorm};
  constraint.kind = kKinds[options.choice("name", {"maxNorm", "nonNeg", "unitNorm"})];
  if (constraint.kind == ConstraintKind::MaxNorm)
    constraint.maxValue = options.number("maxValue", 0, std::numeric_limits<double>::max());
  if (constraint.kind != ConstraintKind::NonNeg)
    constraint.axis = static_cast<int32_t>(options.integer("axis", -kMaxRank, kMaxRank));
  options.finish();
  return constraint;
}

WeightOptions OptionReader::weight(const std::string& name) {
  return {name, initializer(name + "Initializer"), penalty(name + "Regularizer"),
          constraint(name + "Constraint")};
}

void OptionReader::finish() const {
  for (const auto& [name, value] : options_.asObject(layer_))
    if (read_.count(name) == 0)
      fail(Code::Config, cat(layer_, ": unknown option ", prefix_, name),
           {.layer = layer_,
            .option = prefix_ + name,
            .expected = "no such option",
            .received = value.text()});
}

ActivationSpec parseActivation(const Value& value, const std::string& what) {
  static constexpr std::pair<const char*, ActivationKind> kNames[] = {
      {"linear", ActivationKind::Linear},
      {"tanh", ActivationKind::Tanh},
      {"sigmoid", ActivationKind::Sigmoid},
      {"relu", ActivationKind::Relu},
      {"softsign", ActivationKind::Softsign},
      {"softplus", ActivationKind::Softplus},
      {"elu", ActivationKind::Elu},
      {"leakyRelu", ActivationKind::LeakyRelu},
      {"hardSigmoid", ActivationKind::HardSigmoid},
      {"exponential", ActivationKind::Exponential},
      {"selu", ActivationKind::Selu},
      {"silu", ActivationKind::Silu},
      {"gelu", ActivationKind::Gelu}};
  value.asObject(what);
  const Value* name = value.find("name");
  if (name == nullptr)
    fail(Code::Config, cat(what, " has no name"), {.expected = "a name", .received = value.text()});
  ActivationSpec spec;
  std::string known;
  bool found = false;
  for (const auto& [text, kind] : kNames) {
    known += cat(known.empty() ? "'" : ", '", text, "'");
    if (name->asString(what) != text) continue;
    spec.kind = kind;
    found = true;
  }
  if (!found)
    fail(Code::Config, cat(what, " must be one of ", known, ", received ", name->text()),
         {.expected = known, .received = name->text()});
  if (const Value* alpha = value.find("alpha")) spec.alpha = alpha->asNumber(what + ".alpha");
  if (const Value* beta = value.find("beta")) spec.beta = beta->asNumber(what + ".beta");
  const bool fromOutput =
      spec.kind == ActivationKind::LeakyRelu || spec.kind == ActivationKind::Elu;
  if (!std::isfinite(spec.alpha) || !std::isfinite(spec.beta) || (fromOutput && spec.alpha < 0))
    fail(Code::Config, cat(what, ": alpha must be finite and not negative, received ", spec.alpha),
         {.expected = "a finite number, not negative", .received = cat(spec.alpha)});
  return spec;
}

}  // namespace sluice
