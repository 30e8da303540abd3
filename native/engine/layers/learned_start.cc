// States before the first step that are learned: parameters, broadcast to the rows. Around any
// core.
#include "engine/layers/recurrent.h"

namespace sluice {
namespace {

class LearnedStart final : public RecurrentCore {
 public:
  explicit LearnedStart(std::unique_ptr<RecurrentCore> core) : core_(std::move(core)) {}

  int64_t units() const override { return core_->units(); }
  int parameterCount() const override { return core_->parameterCount() + stateCount(); }
  int stateCount() const override { return core_->stateCount(); }
  int savedCount() const override { return core_->savedCount() + stateCount(); }
  int startParameter(int state) const override { return core_->parameterCount() + state; }

  void declare(LayerBuild& build, const std::string& prefix, int64_t features) const override {
    core_->declare(build, prefix, features);
    for (int s = 0; s < stateCount(); ++s)
      build.parameters.push_back(
          {cat(prefix, "initial_", stateName(s)), makeShape(units()), Initializer{}, true});
  }

  // A stream brings the states of its own.
  void forward(NodeContext& node, const RecurrentCall& call, ValueId sequence,
               const std::vector<ValueId>& final) const override {
    RecurrentCall started = call;
    for (int s = 0; s < stateCount(); ++s) {
      ValueId& state = started.initial[static_cast<size_t>(s)];
      if (state != kNoValue) continue;
      state = node.newValue(makeShape(kBatchExtent, units()));
      node.emitFirst(Op::Broadcast, nullptr,
                     {node.parameter(call.firstParameter + startParameter(s))}, {state});
    }
    core_->forward(node, started, sequence, final);
    for (const ValueId state : started.initial) node.saved().push_back(state);
  }

  void backward(NodeContext& node, const RecurrentCall& call, size_t saved, ValueId dSequence,
                const std::vector<ValueId>& dFinal, ValueId dx,
                const std::vector<ValueId>& /*nobody gave a state*/) const override {
    RecurrentCall started = call;
    std::vector<ValueId> dStart;
    for (size_t s = 0; s < started.initial.size(); ++s) {
      started.initial[s] = node.saved()[saved + static_cast<size_t>(core_->savedCount()) + s];
      const ValueId gradient =
          node.gradParameter(call.firstParameter + startParameter(static_cast<int>(s)));
      dStart.push_back(gradient == kNoValue ? kNoValue
                                            : node.newValue(makeShape(kBatchExtent, units())));
      if (gradient != kNoValue) node.emitLast(Op::SumRows, nullptr, {dStart.back()}, {gradient});
    }
    core_->backward(node, started, saved, dSequence, dFinal, dx, dStart);
  }

 private:
  std::unique_ptr<RecurrentCore> core_;
};

}  // namespace

std::unique_ptr<RecurrentCore> learningStart(std::unique_ptr<RecurrentCore> core) {
  return std::make_unique<LearnedStart>(std::move(core));
}

}  // namespace sluice
