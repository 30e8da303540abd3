// One step of a recurrence: [batch,features] and the states before it in, the states after it out.
// The core of the layer of the same kind, which takes it for a sequence of one step.
#include "engine/layers/layers.h"
#include "engine/layers/recurrent.h"

namespace sluice {
namespace {

class CellLayer final : public Layer {
 public:
  explicit CellLayer(const char* kind) : kind_(kind) {}

  void build(LayerBuild& build) override {
    core_ = makeCellCore(kind_, build.options);
    activity_ = build.options.penalty("activityRegularizer");
    build.options.boolean("trainable");
    fromGraph_ = takesStart(build, core_->stateCount());
    build.expectRank(0, 2, "[batch,features]");
    if (fromGraph_) expectStart(build, 1, *core_);
    core_->declare(build, "", build.inputs[0].shape[1]);
    // The output and the states, of which the first is the output.
    const NodeOutput state{makeShape(kBatchExtent, core_->units()), DType::Float32, false, false};
    build.outputs.assign(static_cast<size_t>(1 + core_->stateCount()), state);
  }

  void forward(NodeContext& node) const override {
    std::vector<ValueId> final{node.out(0)};
    node.setOut(1, final[0]);
    for (int s = 1; s < core_->stateCount(); ++s) final.push_back(node.out(1 + s));
    core_->forward(node, call(node), kNoValue, final);
    for (int k = 0; k <= core_->stateCount(); ++k) node.penalize(activity_, node.out(k), kNoValue);
  }

  void backward(NodeContext& node) const override {
    const auto gradOut = [&](int k) {
      return node.gradPenalized(activity_, node.out(k), kNoValue, node.gradOut(k));
    };
    std::vector<ValueId> dFinal{sumOf(node, gradOut(0), gradOut(1))}, dInitial;
    for (int s = 1; s < core_->stateCount(); ++s) dFinal.push_back(gradOut(1 + s));
    for (int s = 0; s < core_->stateCount(); ++s)
      dInitial.push_back(fromGraph_ && node.wantsGradIn(1 + s) ? node.gradIn(1 + s) : kNoValue);
    const ValueId dx = node.wantsGradIn(0) ? asSequence(node, node.gradIn(0)) : kNoValue;
    core_->backward(node, call(node), 0, kNoValue, dFinal, dx, dInitial);
  }

 private:
  static ValueId asSequence(NodeContext& node, ValueId x) {
    const Shape shape = node.shapeOf(x);
    return node.view(x, makeShape(shape[0], 1, shape[1]));
  }

  RecurrentCall call(NodeContext& node) const {
    RecurrentCall call;
    call.x = asSequence(node, node.in(0));
    for (int s = 0; s < core_->stateCount(); ++s)
      call.initial.push_back(fromGraph_ ? node.in(1 + s) : kNoValue);
    call.sharesMasks = true;
    return call;
  }

  const char* kind_;
  std::unique_ptr<RecurrentCore> core_;
  PenaltyAttributes activity_;
  bool fromGraph_ = false;
};

}  // namespace

std::unique_ptr<Layer> makeGruCellLayer() { return std::make_unique<CellLayer>("gru"); }
std::unique_ptr<Layer> makeLstmCellLayer() { return std::make_unique<CellLayer>("lstm"); }
std::unique_ptr<Layer> makeMinGruCellLayer() { return std::make_unique<CellLayer>("minGru"); }
std::unique_ptr<Layer> makeSimpleRnnCellLayer() { return std::make_unique<CellLayer>("simpleRnn"); }

}  // namespace sluice
