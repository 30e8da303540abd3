// Attention of several heads over projections of query, key and value (Vaswani et al. 2017), Keras'
// MultiHeadAttention: its parameters, names and layouts. Equations: docs/semantics.md.
#include <cmath>

#include "engine/core/memory.h"
#include "engine/layers/attention.h"

namespace sluice {
namespace {

constexpr int64_t kMaxHeads = 1 << 20, kMaxSize = int64_t{1} << 30;

class MultiHeadAttentionLayer final : public Layer {
 public:
  void build(LayerBuild& build) override {
    OptionReader& options = build.options;
    heads_ = options.integer("numHeads", 1, kMaxHeads);
    const int64_t keySize = options.integer("keyDim", 1, kMaxSize);
    const int64_t valueSize = options.integer("valueDim", 1, kMaxSize);
    useBias_ = options.boolean("useBias");
    kernel_ = options.weight("kernel");
    bias_ = options.weight("bias");
    activity_ = options.penalty("activityRegularizer");
    options.boolean("trainable");
    attention_.build(build, heads_, 1 / std::sqrt(static_cast<double>(keySize)));

    const auto features = [&](int input) {
      return build.inputs[static_cast<size_t>(input)].shape.last();
    };
    const int64_t out = features(0);
    project(build, "query", makeShape(out, heads_, keySize), 2);
    project(build, "key", makeShape(features(attention_.keyInput()), heads_, keySize), 2);
    project(build, "value", makeShape(features(1), heads_, valueSize), 2);
    project(build, "attention_output", makeShape(heads_, valueSize, out), 1);
    keyColumns_ = heads_ * keySize;
    valueColumns_ = heads_ * valueSize;
    build.outputs.push_back(build.inputs[0]);
  }

  void forward(NodeContext& node) const override {
    attention_.see(node);
    const ValueId query = projected(node, kQuery, node.in(0), keyColumns_);
    const ValueId key = projected(node, kKey, node.saved()[Attention::kKey], keyColumns_);
    const ValueId value = projected(node, kValue, node.saved()[Attention::kValue], valueColumns_);
    const ValueId scores = node.newValue(
        makeShape(kBatchExtent, heads_, node.shapeOf(query)[1], node.shapeOf(key)[1]));
    attention_.product(node, query, false, key, true, scores);
    const ValueId context = like(node, query, valueColumns_);
    attention_.attend(node, scores, kNoValue, value, context);
    const ValueId raw = attention_.rawOutput(node);
    dense(node, kOutput, context, raw);
    attention_.finishOutput(node, raw);
    const ValueId mask = node.saved()[Attention::kMask];
    node.penalize(activity_, query, node.mask(0));
    node.penalize(activity_, key, mask);
    node.penalize(activity_, value, mask);
    node.penalize(activity_, node.out(0), node.mask(0));
    node.saved().insert(node.saved().end(), {query, key, value, context});
  }

  void backward(NodeContext& node) const override {
    const auto saved = [&](int i) { return node.saved()[static_cast<size_t>(i)]; };
    const int first = Attention::kSavedCount;
    const ValueId query = saved(first), key = saved(first + 1), value = saved(first + 2),
                  context = saved(first + 3);
    const ValueId dContext = node.newValue(node.shapeOf(context));
    const ValueId dOutput =
        node.gradPenalized(activity_, node.out(0), node.mask(0), node.gradOut(0));
    denseBackward(node, kOutput, context, attention_.rawOutputGradient(node, dOutput), dContext);
    const ValueId dQuery = node.newValue(node.shapeOf(query));
    const ValueId dKey = node.newValue(node.shapeOf(key));
    const ValueId dValue = node.newValue(node.shapeOf(value));
    const ValueId dScores =
        attention_.attendBackward(node, kNoValue, value, dContext, kNoValue, dValue);
    attention_.product(node, dScores, false, key, false, dQuery);
    attention_.product(node, dScores, true, query, false, dKey);

    denseBackward(node, kQuery, node.in(0),
                  node.gradPenalized(activity_, query, node.mask(0), dQuery),
                  node.wantsGradIn(0) ? node.gradIn(0) : kNoValue);
    const ValueId mask = saved(Attention::kMask);
    const auto throughProjection = [&](Projection which, int input, ValueId x, ValueId y,
                                       ValueId gradient) {
      const ValueId dx = node.wantsGradIn(input) ? node.newValue(node.shapeOf(x)) : kNoValue;
      denseBackward(node, which, x, node.gradPenalized(activity_, y, mask, gradient), dx);
      attention_.setGradient(node, input, dx);
    };
    throughProjection(kKey, attention_.keyInput(), saved(Attention::kKey), key, dKey);
    throughProjection(kValue, 1, saved(Attention::kValue), value, dValue);
  }

  std::string whyNotStreamable(const Node&) const override { return "it needs the whole sequence"; }

 private:
  enum Projection { kQuery, kKey, kValue, kOutput };

  // A kernel, and a bias of its last axes.
  void project(LayerBuild& build, const std::string& name, const Shape& kernel, int biasAxes) {
    requireElements(kernel, build.name() + "/" + name + "/kernel");
    build.addWeight(name + "/kernel", kernel, kernel_);
    if (!useBias_) return;
    const Shape bias = biasAxes == 2 ? makeShape(kernel[1], kernel[2]) : makeShape(kernel[2]);
    build.addWeight(name + "/bias", bias, bias_);
  }
  int kernelIndex(Projection which) const { return which * (useBias_ ? 2 : 1); }

  // A value with the steps of another one.
  static ValueId like(NodeContext& node, ValueId value, int64_t columns) {
    Shape shape = node.shapeOf(value);
    shape[2] = columns;
    return node.newValue(shape);
  }
  void dense(NodeContext& node, Projection which, ValueId x, ValueId y) const {
    const int k = kernelIndex(which);
    node.emit(Op::Dense, nullptr,
              {x, node.parameter(k), useBias_ ? node.parameter(k + 1) : kNoValue}, {y});
  }
  ValueId projected(NodeContext& node, Projection which, ValueId x, int64_t columns) const {
    const ValueId y = like(node, x, columns);
    dense(node, which, x, y);
    return y;
  }
  void denseBackward(NodeContext& node, Projection which, ValueId x, ValueId dy, ValueId dx) const {
    const int k = kernelIndex(which);
    node.emit(Op::DenseBackward, nullptr, {x, node.parameter(k), dy},
              {dx, node.gradParameter(k), useBias_ ? node.gradParameter(k + 1) : kNoValue});
  }

  int64_t heads_ = 1, keyColumns_ = 0, valueColumns_ = 0;
  bool useBias_ = true;
  WeightOptions kernel_, bias_;
  PenaltyAttributes activity_;
  Attention attention_;
};

}  // namespace

std::unique_ptr<Layer> makeMultiHeadAttentionLayer() {
  return std::make_unique<MultiHeadAttentionLayer>();
}

}  // namespace sluice
