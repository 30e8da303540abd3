// Calls of the ops that attention consists of, for native tests.
#pragma once

#include <string>

#include "engine/backend/op.h"
#include "support/launch.h"

namespace sluice::test {

struct AttentionShape {
  int64_t rows, heads, queries, values, features;
};

// All products that a layer makes, forward and backward: which factor has which rank.
struct ProductSpec {
  const char* what;
  HeadProductAttributes attributes;
  Shape a, b, c;
};
inline std::vector<ProductSpec> productSpecs(const AttentionShape& s) {
  const auto heads = static_cast<int32_t>(s.heads);
  const int64_t width = s.heads * s.features;
  const Shape q = makeShape(s.rows, s.queries, width), v = makeShape(s.rows, s.values, width);
  const Shape scores = makeShape(s.rows, s.heads, s.queries, s.values);
  return {{"query key^T", {heads, 0, 1}, q, v, scores},
          {"weights value", {heads, 0, 0}, scores, v, q},
          {"weights^T gradient", {heads, 1, 0}, scores, q, v}};
}
inline Case productCase(Random& random, DType real, const ProductSpec& spec) {
  return {Op::HeadProduct,
          &spec.attributes,
          {random.tensor(real, spec.a), random.tensor(real, spec.b)},
          {Tensor(real, spec.c)}};
}

inline Case weightsCase(Random& random, DType real, const AttentionWeightsAttributes& attributes,
                        const AttentionShape& s, bool masked, bool scaled) {
  const Shape scores = makeShape(s.rows, s.heads, s.queries, s.values);
  Case c{Op::AttentionWeights,
         &attributes,
         std::vector<Tensor>(attentionWeights::kInCount),
         {Tensor(real, scores)}};
  c.in[attentionWeights::kScores] = random.tensor(real, scores, -3, 3);
  if (masked) {
    c.in[attentionWeights::kMask] = random.mask(makeShape(s.rows, s.values));
    // One row without any.
    for (int64_t v = 0; v < s.values && s.rows > 0; ++v) c.in[attentionWeights::kMask].set(v, 0);
  }
  if (scaled) c.in[attentionWeights::kScale] = Tensor::filled(real, makeShape(), 1.3);
  return c;
}
// Of a forward call that has run, with random gradients of the weights.
inline Case weightsBackwardCase(Random& random, const Case& forward) {
  using namespace attentionWeights;
  const Tensor& y = forward.out[kY];
  const Tensor& scale = forward.in[kScale];
  return {
      Op::AttentionWeightsBackward,
      forward.attributes,
      {forward.in[kScores], scale, y, random.tensor(y.dtype(), y.shape())},
      {Tensor(y.dtype(), y.shape()), scale.present() ? Tensor(y.dtype(), makeShape()) : Tensor()}};
}

inline Case scoresCase(Random& random, DType real, const AttentionShape& s, bool weighted,
                       bool inner) {
  using namespace additiveScores;
  Case c{Op::AdditiveScores,
         nullptr,
         std::vector<Tensor>(kInCount),
         {Tensor(real, makeShape(s.rows, 1, s.queries, s.values))}};
  c.in[kQuery] = random.tensor(real, makeShape(s.rows, s.queries, s.features));
  c.in[kKey] = random.tensor(real, makeShape(s.rows, s.values, s.features));
  if (weighted) c.in[kWeight] = random.tensor(real, makeShape(s.features));
  if (inner) c.in[kInner] = Tensor::filled(real, makeShape(), 0.7);
  return c;
}
inline Case scoresBackwardCase(Random& random, const Case& forward) {
  using namespace additiveScores;
  Case c{Op::AdditiveScoresBackward, nullptr, forward.in, {}};
  const Tensor& scores = forward.out[kScores];
  c.in.push_back(random.tensor(scores.dtype(), scores.shape()));
  for (const Tensor& in : forward.in)
    c.out.push_back(in.present() ? Tensor(in.dtype(), in.shape()) : Tensor());
  return c;
}

}  // namespace sluice::test
