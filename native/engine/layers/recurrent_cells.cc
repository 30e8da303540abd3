// The kinds of recurrent cells: their options, parameters and ops. Equations: docs/semantics.md.
#include "engine/core/random.h"
#include "engine/layers/min_gru.h"
#include "engine/layers/recurrent.h"

namespace sluice {
namespace {

constexpr int64_t kMaxUnits = int64_t{1} << 30;
constexpr double kMostClip = 1e30;
// The product of a state of zeros has no variance.
constexpr double kLeastEpsilon = 1e-30;

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
    useBias_ = options.boolean("useBias");
    kernel_ = options.weight("kernel");
    recurrent_ = options.weight("recurrent");
    bias_ = options.weight("bias");
    dropout_ = options.rate("dropout");
    recurrentDropout_ = options.rate("recurrentDropout");
    attributes_.zoneout = options.rate("zoneout");
    recurrentDropConnect_ = options.rate("recurrentDropConnect");
    attributes_.clip = options.number("clip", 0, kMostClip);
    attributes_.layerNorm = options.boolean("layerNorm");
    attributes_.epsilon = options.number("layerNormEpsilon", kLeastEpsilon, 1);
    if (kind.forward == Op::Gru) {
      attributes_.resetAfter = options.boolean("resetAfter");
      attributes_.replace = options.choice("updateGate", {"keep", "replace"});
    }
    if (attributes_.layerNorm && !attributes_.resetAfter)
      fail(Code::Config,
           options.layer() + ": layerNorm normalizes all gates together, so it needs resetAfter",
           {.layer = options.layer(),
            .option = "layerNorm",
            .expected = "resetAfter: true",
            .received = "resetAfter: false"});
    if (kind.forward == Op::Lstm && options.boolean("unitForgetBias")) {
      bias_.initializer.onesBegin = units_;
      bias_.initializer.onesEnd = 2 * units_;
    }
  }

  int64_t units() const override { return units_; }
  int parameterCount() const override {
    int count = normIndex();
    for (int i = 0; i < kNorms; ++i) count += hasNorm(i);
    return count;
  }
  int stateCount() const override { return kind_.states; }

  void declare(LayerBuild& build, const std::string& prefix, int64_t features) const override {
    const int64_t columns = kind_.gates * units_;
    const bool twoBiases = kind_.forward == Op::Gru && attributes_.resetAfter;
    build.addWeight(prefix + "kernel", makeShape(features, columns), kernel_);
    build.addWeight(prefix + "recurrent_kernel", makeShape(units_, columns), recurrent_);
    if (useBias_)
      build.addWeight(prefix + "bias", twoBiases ? makeShape(2, columns) : makeShape(columns),
                      bias_);
    const Initializer ones{.a = 1};
    const LayerBuild::ParameterSpec norms[kNorms] = {
        {prefix + "gamma", makeShape(2, columns), ones, true},
        {prefix + "cell_gamma", makeShape(units_), ones, true},
        {prefix + "cell_beta", makeShape(units_), Initializer{}, true}};
    for (int i = 0; i < kNorms; ++i)
      if (hasNorm(i)) build.parameters.push_back(norms[i]);
  }

  // saved(): the reserve, x and the recurrent kernel as the cell got them, and the masks.
  int savedCount() const override { return 7; }

  void forward(NodeContext& node, const RecurrentCall& call, ValueId sequence,
               const std::vector<ValueId>& final) const override {
    const Masks masks = makeMasks(node, call);
    ValueId x = call.x;
    if (masks.steps != kNoValue) {
      x = node.newValue(node.shapeOf(call.x));
      node.emit(Op::ScaleSteps, nullptr, {call.x, masks.steps}, {x});
    }
    const ValueId reserve = node.keepsForBackward() ? node.newOpaque() : kNoValue;
    const int p = call.firstParameter;
    ValueId recurrent = node.parameter(p + 1);
    if (dropsConnections(node)) {
      recurrent = node.newWeights(node.shapeOf(recurrent));
      node.emit(Op::Dropout, dropConnect(node, call), {node.parameter(p + 1)}, {recurrent});
    }
    node.emit(kind_.forward, attributes(with(call, node, masks)),
              {x, node.parameter(p), recurrent, useBias_ ? node.parameter(p + 2) : kNoValue,
               call.mask, call.initial[0], second(call.initial), masks.input, masks.state,
               masks.zoneout, norm(node, call, 0), norm(node, call, 1), norm(node, call, 2)},
              {sequence, final[0], reserve, second(final)});
    for (const ValueId value :
         {reserve, x, recurrent, masks.steps, masks.input, masks.state, masks.zoneout})
      node.saved().push_back(value);
  }

  void backward(NodeContext& node, const RecurrentCall& call, size_t saved, ValueId dSequence,
                const std::vector<ValueId>& dFinal, ValueId dx,
                const std::vector<ValueId>& dInitial) const override {
    const int p = call.firstParameter;
    const ValueId* kept = &node.saved()[saved];
    const ValueId reserve = kept[0], x = kept[1], recurrent = kept[2];
    const Masks masks{kept[3], kept[4], kept[5], kept[6]};
    const ValueId bias = useBias_ ? node.parameter(p + 2) : kNoValue;
    const bool scales = masks.steps != kNoValue && dx != kNoValue;
    const ValueId dScaled = scales ? node.newValue(node.shapeOf(x)) : dx;
    const ValueId dKernel = node.gradParameter(p);
    const ValueId dRecurrent = node.gradParameter(p + 1);
    const ValueId dBias = useBias_ ? node.gradParameter(p + 2) : kNoValue;
    ValueId dNorm[kNorms];
    for (int i = 0; i < kNorms; ++i)
      dNorm[i] = hasNorm(i) ? node.gradParameter(p + normIndex() + i) : kNoValue;
    const bool drops = recurrent != node.parameter(p + 1) && dRecurrent != kNoValue;
    const ValueId dDropped = drops ? node.newValue(node.shapeOf(recurrent)) : dRecurrent;
    node.emit(
        kind_.backward, attributes(with(call, node, masks)),
        {x, node.parameter(p), recurrent, bias, call.mask, call.initial[0], second(call.initial),
         masks.input, masks.state, masks.zoneout, norm(node, call, 0), norm(node, call, 1),
         norm(node, call, 2), reserve, dSequence, dFinal[0], second(dFinal)},
        {dScaled, dKernel, dDropped, dBias, dInitial[0], second(dInitial), dNorm[0], dNorm[1],
         dNorm[2]});
    if (drops) node.emit(Op::Dropout, dropConnect(node, call), {dDropped}, {dRecurrent});
    if (scales) node.emit(Op::ScaleSteps, nullptr, {dScaled, masks.steps}, {dx});
  }

 private:
  // Parameters of the layer norm, after the others: gamma; an LSTM's for c.
  static constexpr int kNorms = 3;
  int normIndex() const { return useBias_ ? 3 : 2; }
  bool hasNorm(int i) const {
    return attributes_.layerNorm && (i == 0 || kind_.forward == Op::Lstm);
  }
  ValueId norm(const NodeContext& node, const RecurrentCall& call, int i) const {
    return hasNorm(i) ? node.parameter(call.firstParameter + normIndex() + i) : kNoValue;
  }

  static ValueId second(const std::vector<ValueId>& states) {
    return states.size() > 1 ? states[1] : kNoValue;
  }

  bool dropsConnections(const NodeContext& node) const {
    return node.training() && recurrentDropConnect_ > 0;
  }
  // One mask of the recurrent kernel for the whole call.
  std::shared_ptr<const void> dropConnect(const NodeContext& node,
                                          const RecurrentCall& call) const {
    DropoutAttributes dropout{recurrentDropConnect_, streamOf(node, call, "recurrentDropConnect")};
    dropout.ofWeights = 1;
    return attributes(dropout);
  }
  static uint64_t streamOf(const NodeContext& node, const RecurrentCall& call, const char* what,
                           bool ofEachStep = false) {
    const bool shares = call.sharesMasks && !ofEachStep;
    const std::string& by = shares ? node.node().owner : node.node().name;
    return randomStream(cat(by, "/", call.prefix, what));
  }

  // Drawn once a call and used at every step, as in Keras: one for all gates of x, or where the
  // state has masks as well one for each gate; zoneout's for each step. kNoValue where there is
  // none.
  struct Masks {
    ValueId steps = kNoValue;    // [B,I]
    ValueId input = kNoValue;    // [B,GI]
    ValueId state = kNoValue;    // [B,GH]
    ValueId zoneout = kNoValue;  // [B,T,H]
  };
  Masks makeMasks(NodeContext& node, const RecurrentCall& call) const {
    Masks masks;
    if (!node.training()) return masks;
    const Shape x = node.shapeOf(call.x);
    const auto draw = [&](const char* what, double rate, const Shape& shape, bool ofEachStep) {
      const ValueId mask = node.newValue(shape);
      const DropoutAttributes dropout{rate, streamOf(node, call, what, ofEachStep),
                                      ofEachStep ? 1 : 0};
      node.emit(Op::Dropout, attributes(dropout), {kNoValue}, {mask});
      return mask;
    };
    if (recurrentDropout_ > 0)
      masks.state =
          draw("recurrentDropout", recurrentDropout_, makeShape(x[0], kind_.gates * units_), false);
    if (dropout_ > 0 && recurrentDropout_ > 0 && kind_.gates > 1)
      masks.input = draw("dropout", dropout_, makeShape(x[0], kind_.gates * x[2]), false);
    else if (dropout_ > 0)
      masks.steps = draw("dropout", dropout_, makeShape(x[0], x[2]), false);
    if (attributes_.zoneout > 0)
      masks.zoneout = draw("zoneout", attributes_.zoneout, makeShape(x[0], x[1], units_), true);
    return masks;
  }

  RecurrentAttributes with(const RecurrentCall& call, const NodeContext& node,
                           const Masks& masks) const {
    RecurrentAttributes attributes = attributes_;
    attributes.gateMasks = (masks.input != kNoValue ? 1 : 0) + (masks.state != kNoValue ? 2 : 0);
    attributes.reverse = call.reverse;
    attributes.repeatMasked = call.repeatMasked;
    attributes.weights = node.weights();
    attributes.recompute = node.keepsForBackward() && node.savesMemory();
    return attributes;
  }

  const CellKind& kind_;
  int64_t units_ = 0;
  RecurrentAttributes attributes_;
  bool useBias_ = true;
  double dropout_ = 0, recurrentDropout_ = 0, recurrentDropConnect_ = 0;
  WeightOptions kernel_, recurrent_, bias_;
};

}  // namespace

std::unique_ptr<RecurrentCore> makeCellCore(const std::string& kind, OptionReader& options) {
  if (kind == "minGru") return makeMinGruCore(options);
  for (const CellKind& known : kKinds)
    if (kind == known.name) return std::make_unique<CellCore>(known, options);
  fail(Code::Unsupported, cat(options.layer(), ": '", kind, "' is not a recurrent layer"),
       {.layer = options.layer(),
        .option = "layer",
        .expected = "a recurrent layer",
        .received = kind});
}

std::unique_ptr<RecurrentCore> makeRecurrentCore(const std::string& kind, OptionReader& options,
                                                 RecurrentUse& use) {
  std::unique_ptr<RecurrentCore> core = makeCellCore(kind, options);
  use.repeatMasked = options.choice("maskedOutput", {"zero", "repeat"});
  use.returnSequences = options.boolean("returnSequences");
  use.returnState = options.boolean("returnState");
  use.goBackwards = options.boolean("goBackwards");
  use.stateful = options.boolean("stateful");
  use.activity = options.penalty("activityRegularizer");
  const bool learns = options.choice("initialState", {"zeros", "learned"}) == 1;
  return learns ? learningStart(std::move(core)) : std::move(core);
}

}  // namespace sluice
