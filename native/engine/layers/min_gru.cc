// A minGRU's core (arXiv 2410.01201): its gates are a dense layer of the input for all steps at
// once, and what remains to be done step by step meets no matrix.
#include "engine/layers/min_gru.h"

namespace sluice {
namespace {

constexpr int64_t kMaxUnits = int64_t{1} << 30;

class MinGruCore final : public RecurrentCore {
 public:
  explicit MinGruCore(OptionReader& options) {
    units_ = options.integer("units", 1, kMaxUnits);
    attributes_.activation = options.activation("activation");
    useBias_ = options.boolean("useBias");
    kernel_ = options.weight("kernel");
    bias_ = options.weight("bias");
  }

  int64_t units() const override { return units_; }
  int parameterCount() const override { return useBias_ ? 2 : 1; }
  int stateCount() const override { return 1; }
  int savedCount() const override { return 2; }

  void declare(LayerBuild& build, const std::string& prefix, int64_t features) const override {
    build.addWeight(prefix + "kernel", makeShape(features, 2 * units_), kernel_);
    if (useBias_) build.addWeight(prefix + "bias", makeShape(2 * units_), bias_);
  }

  void forward(NodeContext& node, const RecurrentCall& call, ValueId sequence,
               const std::vector<ValueId>& final) const override {
    const ValueId gates = newGates(node, call);
    node.emit(Op::Dense, nullptr,
              {call.x, node.parameter(call.firstParameter),
               useBias_ ? node.parameter(call.firstParameter + 1) : kNoValue},
              {gates});
    ValueId states = kNoValue;
    if (node.keepsForBackward()) {
      const Shape& x = node.shapeOf(call.x);
      states = node.newValue(makeShape(x[0], x[1], units_));
    }
    node.emit(Op::MinGru, attributes(with(call)), {gates, call.mask, call.initial[0]},
              {sequence, final[0], states});
    node.saved().push_back(gates);
    node.saved().push_back(states);
  }

  void backward(NodeContext& node, const RecurrentCall& call, size_t saved, ValueId dSequence,
                const std::vector<ValueId>& dFinal, ValueId dx,
                const std::vector<ValueId>& dInitial) const override {
    const ValueId gates = node.saved()[saved], states = node.saved()[saved + 1];
    const ValueId dGates = newGates(node, call);
    node.emit(Op::MinGruBackward, attributes(with(call)),
              {gates, call.mask, call.initial[0], states, dSequence, dFinal[0]},
              {dGates, dInitial[0]});
    const int p = call.firstParameter;
    const ValueId dKernel = node.gradParameter(p);
    const ValueId dBias = useBias_ ? node.gradParameter(p + 1) : kNoValue;
    if (dx != kNoValue || dKernel != kNoValue || dBias != kNoValue)
      node.emit(Op::DenseBackward, nullptr, {call.x, node.parameter(p), dGates},
                {dx, dKernel, dBias});
  }

 private:
  ValueId newGates(NodeContext& node, const RecurrentCall& call) const {
    const Shape x = node.shapeOf(call.x);
    return node.newValue(makeShape(x[0], x[1], 2 * units_));
  }
  RecurrentAttributes with(const RecurrentCall& call) const {
    RecurrentAttributes attributes = attributes_;
    attributes.reverse = call.reverse;
    attributes.repeatMasked = call.repeatMasked;
    return attributes;
  }

  int64_t units_ = 0;
  RecurrentAttributes attributes_;
  bool useBias_ = true;
  WeightOptions kernel_, bias_;
};

}  // namespace

std::unique_ptr<RecurrentCore> makeMinGruCore(OptionReader& options) {
  return std::make_unique<MinGruCore>(options);
}

}  // namespace sluice
