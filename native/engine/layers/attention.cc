// Attention with one head: scores by products (Luong; Keras' Attention) or by sums (Bahdanau; its
// AdditiveAttention). Equations: docs/semantics.md.
#include "engine/layers/attention.h"

#include "engine/core/random.h"

namespace sluice {

void Attention::build(LayerBuild& build, int64_t heads, double factor) {
  build.expectInputs(2, 3);
  for (size_t i = 0; i < build.inputs.size(); ++i) build.expectRank(i, 3, "[batch,steps,features]");
  heads_ = heads;
  weights_.factor = factor;
  weights_.causal = build.options.boolean("useCausalMask");
  dropout_.rate = build.options.rate("dropout");
  dropout_.stream = randomStream(build.name());
  key_ = build.inputs.size() > 2 ? 2 : 1;
  const int64_t values = build.inputs[1].shape[1];
  const int64_t keys = build.inputs[static_cast<size_t>(key_)].shape[1];
  // Two symbols may stand for one number: the run checks it.
  if (values != keys && !isSymbol(values) && !isSymbol(keys))
    fail(Code::ShapeMismatch,
         cat(build.name(), ": the value has ", values, " steps, the key ", keys),
         {.layer = build.name(),
          .option = "inputs",
          .expected = cat(values),
          .received = cat(keys)});
}

ValueId Attention::mask(NodeContext& node) const {
  const ValueId ofValue = node.mask(1), ofKey = node.mask(key_);
  if (ofValue == kNoValue || ofKey == kNoValue || ofValue == ofKey)
    return ofValue == kNoValue ? ofKey : ofValue;
  const ValueId both = node.newValue(node.shapeOf(ofValue), DType::Bool);
  node.emit(Op::MaskAnd, nullptr, {ofValue, ofKey}, {both});
  return both;
}

void Attention::see(NodeContext& node) const {
  const ValueId mask = this->mask(node);
  const auto shown = [&](int input) {
    if (node.mask(input) == mask) return node.in(input);
    const ValueId value = node.newValue(node.shapeOf(node.in(input)));
    node.emit(Op::MaskSteps, nullptr, {node.in(input), mask}, {value});
    return value;
  };
  const ValueId value = shown(1), key = key_ == 1 ? value : shown(key_);
  node.saved() = {mask, value, key};
}

void Attention::setGradient(NodeContext& node, int input, ValueId gradient) const {
  if (gradient == kNoValue) return;
  const ValueId mask = node.saved()[kMask];
  if (node.mask(input) == mask) return node.setGradIn(input, gradient);
  node.emit(Op::MaskSteps, nullptr, {gradient, mask}, {node.gradIn(input)});
}

void Attention::product(NodeContext& node, ValueId a, bool transposeA, ValueId b, bool transposeB,
                        ValueId c) const {
  const HeadProductAttributes attributes{static_cast<int32_t>(heads_), transposeA, transposeB};
  node.emit(Op::HeadProduct, sluice::attributes(attributes), {a, b}, {c});
}

void Attention::attend(NodeContext& node, ValueId scores, ValueId scale, ValueId values,
                       ValueId context) const {
  const ValueId weights = node.newValue(node.shapeOf(scores));
  node.emit(Op::AttentionWeights, attributes(weights_), {scores, node.saved()[kMask], scale},
            {weights});
  const ValueId dropped = drops(node) ? node.newValue(node.shapeOf(scores)) : weights;
  if (drops(node)) node.emit(Op::Dropout, attributes(dropout_), {weights}, {dropped});
  product(node, dropped, false, values, false, context);
  node.saved().insert(node.saved().end(), {scores, weights, dropped});
}

ValueId Attention::attendBackward(NodeContext& node, ValueId scale, ValueId values,
                                  ValueId dContext, ValueId dScale, ValueId dValues) const {
  const ValueId scores = node.saved()[kScores], weights = node.saved()[kWeights];
  const Shape shape = node.shapeOf(scores);
  if (dValues != kNoValue) product(node, node.saved()[kDropped], true, dContext, false, dValues);
  const ValueId dDropped = node.newValue(shape);
  product(node, dContext, false, values, true, dDropped);
  const ValueId dWeights = drops(node) ? node.newValue(shape) : dDropped;
  if (drops(node)) node.emit(Op::Dropout, attributes(dropout_), {dDropped}, {dWeights});
  const ValueId dScores = node.newValue(shape);
  node.emit(Op::AttentionWeightsBackward, attributes(weights_), {scores, scale, weights, dWeights},
            {dScores, dScale});
  return dScores;
}

ValueId Attention::rawOutput(NodeContext& node) const {
  return node.mask(0) == kNoValue ? node.out(0) : node.newValue(node.node().outputs[0].shape);
}
void Attention::finishOutput(NodeContext& node, ValueId raw) const {
  if (node.mask(0) != kNoValue)
    node.emit(Op::MaskSteps, nullptr, {raw, node.mask(0)}, {node.out(0)});
}
ValueId Attention::rawOutputGradient(NodeContext& node, ValueId gradient) const {
  if (node.mask(0) == kNoValue) return gradient;
  const ValueId raw = node.newValue(node.node().outputs[0].shape);
  node.emit(Op::MaskSteps, nullptr, {gradient, node.mask(0)}, {raw});
  return raw;
}

namespace {

class AttentionLayer final : public Layer {
 public:
  explicit AttentionLayer(bool additive) : additive_(additive) {}

  void build(LayerBuild& build) override {
    OptionReader& options = build.options;
    attention_.build(build, 1, 1);
    useScale_ = options.boolean("useScale");
    concat_ = !additive_ && options.choice("scoreMode", {"dot", "concat"}) == 1;
    options.boolean("trainable");
    const NodeOutput& query = build.inputs[0];
    const int64_t features = query.shape.last();
    const int64_t ofKey = build.inputs[static_cast<size_t>(attention_.keyInput())].shape.last();
    if (features != ofKey)
      fail(Code::ShapeMismatch,
           cat(build.name(), ": the query has ", features, " features, the key ", ofKey),
           {.layer = build.name(),
            .option = "inputs",
            .expected = cat(features),
            .received = cat(ofKey)});
    NodeOutput output = query;
    output.shape[2] = build.inputs[1].shape.last();
    build.outputs.push_back(output);

    Initializer one, glorotUniform;
    one.a = glorotUniform.a = 1;
    glorotUniform.kind = Initializer::Kind::VarianceScalingUniform;
    if (useScale_ && additive_)
      build.parameters.push_back({"scale", makeShape(features), glorotUniform, true});
    else if (useScale_)
      build.parameters.push_back({"scale", makeShape(), one, true});
    if (concat_) build.parameters.push_back({"concat_score_weight", makeShape(), one, true});
  }

  void forward(NodeContext& node) const override {
    attention_.see(node);
    const ValueId key = node.saved()[Attention::kKey];
    const ValueId scores = node.newValue(
        makeShape(kBatchExtent, 1, node.shapeOf(node.in(0))[1], node.shapeOf(key)[1]));
    if (isSum())
      node.emit(Op::AdditiveScores, nullptr, {node.in(0), key, weight(node), inner(node)},
                {scores});
    else
      attention_.product(node, node.in(0), false, key, true, scores);
    const ValueId raw = attention_.rawOutput(node);
    attention_.attend(node, scores, scale(node), node.saved()[Attention::kValue], raw);
    attention_.finishOutput(node, raw);
  }

  void backward(NodeContext& node) const override {
    const ValueId key = node.saved()[Attention::kKey], value = node.saved()[Attention::kValue];
    const int keyInput = attention_.keyInput();
    const auto gradientOf = [&](int input, ValueId like) {
      return node.wantsGradIn(input) ? node.newValue(node.shapeOf(like)) : kNoValue;
    };
    const ValueId dValue = gradientOf(1, value), dKey = gradientOf(keyInput, key);
    const ValueId dQuery = node.wantsGradIn(0) ? node.gradIn(0) : kNoValue;
    // The scale of the scores is the last parameter where they are sums.
    const ValueId dScale = scale(node) == kNoValue ? kNoValue : node.gradParameter(scaleIndex());
    const ValueId dScores = attention_.attendBackward(
        node, scale(node), value, attention_.rawOutputGradient(node, node.gradOut(0)), dScale,
        dValue);
    if (isSum()) {
      const ValueId own = useScale_ ? node.gradParameter(0) : kNoValue;
      node.emit(Op::AdditiveScoresBackward, nullptr,
                {node.in(0), key, weight(node), inner(node), dScores},
                {dQuery, dKey, additive_ ? own : kNoValue, additive_ ? kNoValue : own});
    } else {
      if (dQuery != kNoValue) attention_.product(node, dScores, false, key, false, dQuery);
      if (dKey != kNoValue) attention_.product(node, dScores, true, node.in(0), false, dKey);
    }
    attention_.setGradient(node, 1, dValue);
    attention_.setGradient(node, keyInput, dKey);
  }

  std::string whyNotStreamable(const Node&) const override { return "it needs the whole sequence"; }

 private:
  bool isSum() const { return additive_ || concat_; }
  // Of the features in a sum, inside of its tanh, and of the scores.
  ValueId weight(NodeContext& node) const {
    return additive_ && useScale_ ? node.parameter(0) : kNoValue;
  }
  ValueId inner(NodeContext& node) const {
    return concat_ && useScale_ ? node.parameter(0) : kNoValue;
  }
  int scaleIndex() const { return concat_ && useScale_ ? 1 : 0; }
  ValueId scale(NodeContext& node) const {
    return concat_ || (useScale_ && !additive_) ? node.parameter(scaleIndex()) : kNoValue;
  }

  const bool additive_;
  bool useScale_ = false, concat_ = false;
  Attention attention_;
};

}  // namespace

std::unique_ptr<Layer> makeAttentionLayer() { return std::make_unique<AttentionLayer>(false); }
std::unique_ptr<Layer> makeAdditiveAttentionLayer() {
  return std::make_unique<AttentionLayer>(true);
}

}  // namespace sluice
