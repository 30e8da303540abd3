// The GRU's core: its options, its parameters and its two ops. Equations: docs/semantics.md.
#include "engine/layers/gru.h"

namespace sluice {
namespace {

constexpr int64_t kMaxUnits = int64_t{1} << 30;

class GruCore final : public RecurrentCore {
 public:
  explicit GruCore(OptionReader& options) {
    units_ = options.integer("units", 1, kMaxUnits);
    attributes_.activation = options.activation("activation");
    attributes_.recurrentActivation = options.activation("recurrentActivation");
    attributes_.resetAfter = options.boolean("resetAfter");
    attributes_.replace = options.choice("updateGate", {"keep", "replace"});
    attributes_.repeatMasked = options.choice("maskedOutput", {"zero", "repeat"});
    useBias_ = options.boolean("useBias");
    kernel_ = options.initializer("kernelInitializer");
    recurrent_ = options.initializer("recurrentInitializer");
    bias_ = options.initializer("biasInitializer");
  }

  int64_t units() const override { return units_; }
  int parameterCount() const override { return useBias_ ? 3 : 2; }
  int stateCount() const override { return 1; }
  int savedCount() const override { return 1; }

  void declare(LayerBuild& build, const std::string& prefix, int64_t features) const override {
    const int64_t columns = 3 * units_;
    build.parameters.push_back({prefix + "kernel", makeShape(features, columns), kernel_, true});
    build.parameters.push_back(
        {prefix + "recurrent_kernel", makeShape(units_, columns), recurrent_, true});
    if (useBias_)
      build.parameters.push_back(
          {prefix + "bias", attributes_.resetAfter ? makeShape(2, columns) : makeShape(columns),
           bias_, true});
  }

  void forward(NodeContext& node, const RecurrentCall& call, ValueId sequence,
               const std::vector<ValueId>& final) const override {
    const ValueId reserve = node.keepsForBackward() ? node.newOpaque() : kNoValue;
    const int p = call.firstParameter;
    node.emit(Op::Gru, attributes(with(call, node)),
              {call.x, node.parameter(p), node.parameter(p + 1),
               useBias_ ? node.parameter(p + 2) : kNoValue, call.mask, call.initial[0]},
              {sequence, final[0], reserve});
    node.saved().push_back(reserve);
  }

  void backward(NodeContext& node, const RecurrentCall& call, size_t saved, ValueId dSequence,
                const std::vector<ValueId>& dFinal, ValueId dx,
                const std::vector<ValueId>& dInitial) const override {
    const int p = call.firstParameter;
    const ValueId reserve = node.saved()[saved];
    const ValueId bias = useBias_ ? node.parameter(p + 2) : kNoValue;
    node.emit(Op::GruBackward, attributes(with(call, node)),
              {call.x, node.parameter(p), node.parameter(p + 1), bias, call.mask, call.initial[0],
               reserve, dSequence, dFinal[0]},
              {dx, node.gradParameter(p), node.gradParameter(p + 1),
               useBias_ ? node.gradParameter(p + 2) : kNoValue, dInitial[0]});
  }

 private:
  GruAttributes with(const RecurrentCall& call, const NodeContext& node) const {
    GruAttributes attributes = attributes_;
    attributes.reverse = call.reverse;
    attributes.weights = node.weights();
    attributes.recompute = node.keepsForBackward() && node.savesMemory();
    return attributes;
  }

  int64_t units_ = 0;
  GruAttributes attributes_;
  bool useBias_ = true;
  Initializer kernel_, recurrent_, bias_;
};

}  // namespace

std::unique_ptr<RecurrentCore> makeGruCore(OptionReader& options) {
  return std::make_unique<GruCore>(options);
}

}  // namespace sluice
