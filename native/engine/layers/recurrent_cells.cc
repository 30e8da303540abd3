// The kinds of recurrent cells: their options, parameters and ops. Equations: docs/semantics.md.
#include "engine/layers/recurrent.h"

namespace sluice {
namespace {

constexpr int64_t kMaxUnits = int64_t{1} << 30;

struct CellKind {
  const char* name;
  Op forward, backward;
  int64_t gates;
  int states;
  bool hasGates;  // with an activation of their own
};
constexpr CellKind kKinds[] = {
    {"gru", Op::Gru, Op::GruBackward, 3, 1, true},
    {"lstm", Op::Lstm, Op::LstmBackward, 4, 2, true},
    {"simpleRnn", Op::SimpleRnn, Op::SimpleRnnBackward, 1, 1, false},
};

class CellCore final : public RecurrentCore {
 public:
  CellCore(const CellKind& kind, OptionReader& options) : kind_(kind) {
    units_ = options.integer("units", 1, kMaxUnits);
    attributes_.activation = options.activation("activation");
    if (kind.hasGates) attributes_.recurrentActivation = options.activation("recurrentActivation");
    attributes_.repeatMasked = options.choice("maskedOutput", {"zero", "repeat"});
    useBias_ = options.boolean("useBias");
    kernel_ = options.initializer("kernelInitializer");
    recurrent_ = options.initializer("recurrentInitializer");
    bias_ = options.initializer("biasInitializer");
    if (kind.forward == Op::Gru) {
      attributes_.resetAfter = options.boolean("resetAfter");
      attributes_.replace = options.choice("updateGate", {"keep", "replace"});
    }
    if (kind.forward == Op::Lstm && options.boolean("unitForgetBias")) {
      bias_.onesBegin = units_;
      bias_.onesEnd = 2 * units_;
    }
  }

  int64_t units() const override { return units_; }
  int parameterCount() const override { return useBias_ ? 3 : 2; }
  int stateCount() const override { return kind_.states; }
  int savedCount() const override { return 1; }

  void declare(LayerBuild& build, const std::string& prefix, int64_t features) const override {
    const int64_t columns = kind_.gates * units_;
    const bool twoBiases = kind_.forward == Op::Gru && attributes_.resetAfter;
    build.parameters.push_back({prefix + "kernel", makeShape(features, columns), kernel_, true});
    build.parameters.push_back(
        {prefix + "recurrent_kernel", makeShape(units_, columns), recurrent_, true});
    if (useBias_)
      build.parameters.push_back(
          {prefix + "bias", twoBiases ? makeShape(2, columns) : makeShape(columns), bias_, true});
  }

  void forward(NodeContext& node, const RecurrentCall& call, ValueId sequence,
               const std::vector<ValueId>& final) const override {
    const ValueId reserve = node.keepsForBackward() ? node.newOpaque() : kNoValue;
    const int p = call.firstParameter;
    node.emit(kind_.forward, attributes(with(call, node)),
              {call.x, node.parameter(p), node.parameter(p + 1),
               useBias_ ? node.parameter(p + 2) : kNoValue, call.mask, call.initial[0],
               second(call.initial)},
              {sequence, final[0], reserve, second(final)});
    node.saved().push_back(reserve);
  }

  void backward(NodeContext& node, const RecurrentCall& call, size_t saved, ValueId dSequence,
                const std::vector<ValueId>& dFinal, ValueId dx,
                const std::vector<ValueId>& dInitial) const override {
    const int p = call.firstParameter;
    const ValueId reserve = node.saved()[saved];
    const ValueId bias = useBias_ ? node.parameter(p + 2) : kNoValue;
    node.emit(kind_.backward, attributes(with(call, node)),
              {call.x, node.parameter(p), node.parameter(p + 1), bias, call.mask, call.initial[0],
               second(call.initial), reserve, dSequence, dFinal[0], second(dFinal)},
              {dx, node.gradParameter(p), node.gradParameter(p + 1),
               useBias_ ? node.gradParameter(p + 2) : kNoValue, dInitial[0], second(dInitial)});
  }

 private:
  static ValueId second(const std::vector<ValueId>& states) {
    return states.size() > 1 ? states[1] : kNoValue;
  }

  RecurrentAttributes with(const RecurrentCall& call, const NodeContext& node) const {
    RecurrentAttributes attributes = attributes_;
    attributes.reverse = call.reverse;
    attributes.weights = node.weights();
    attributes.recompute = node.keepsForBackward() && node.savesMemory();
    return attributes;
  }

  const CellKind& kind_;
  int64_t units_ = 0;
  RecurrentAttributes attributes_;
  bool useBias_ = true;
  Initializer kernel_, recurrent_, bias_;
};

}  // namespace

std::unique_ptr<RecurrentCore> makeRecurrentCore(const std::string& kind, OptionReader& options,
                                                 RecurrentUse& use) {
  for (const CellKind& known : kKinds) {
    if (kind != known.name) continue;
    use.returnSequences = options.boolean("returnSequences");
    use.returnState = options.boolean("returnState");
    use.goBackwards = options.boolean("goBackwards");
    use.stateful = options.boolean("stateful");
    return std::make_unique<CellCore>(known, options);
  }
  fail(Code::Unsupported, cat(options.layer(), ": '", kind, "' is not a recurrent layer"),
       {.layer = options.layer(), .received = kind});
}

}  // namespace sluice
