#include "support/attention.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;
constexpr AttentionShape kSmall{2, 2, 3, 4, 3};

TEST(ReferenceAttention, ProductsByHeads) {
  // Two heads of one feature, side by side; two steps.
  const HeadProductAttributes attributes{2, 0, 1};
  Case c{Op::HeadProduct,
         &attributes,
         {Tensor::of(kReal, makeShape(1, 2, 2), {1, 2, 3, 4}),
          Tensor::of(kReal, makeShape(1, 2, 2), {5, 6, 7, 8})},
         {Tensor(kReal, makeShape(1, 2, 2, 2))}};
  launch(backend("reference"), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{5, 7, 15, 21, 12, 16, 24, 32}));
}

TEST(ReferenceAttention, ProductDerivatives) {
  Random random(1);
  for (const ProductSpec& spec : productSpecs(kSmall)) {
    SCOPED_TRACE(spec.what);
    Case c = productCase(random, kReal, spec);
    const Tensor dc = random.tensor(kReal, spec.c);
    // The sum of c dc is linear in each factor: its derivative by an element of a is the sum that
    // this element alone gives.
    const auto objective = [&] {
      launch(backend("reference"), c);
      return inner(c.out[0], dc);
    };
    Tensor da(kReal, spec.a);
    const Tensor a = c.in[0];
    for (int64_t i = 0; i < a.size(); ++i) {
      c.in[0] = Tensor::filled(kReal, spec.a, 0);
      c.in[0].set(i, 1);
      da.set(i, objective());
    }
    c.in[0] = a;
    expectDerivative(c.in[0], da, objective, spec.what);
  }
}

TEST(ReferenceAttention, WeightsAddUpToOneWhereThereIsSomethingToSee) {
  Random random(2);
  for (const bool causal : {false, true})
    for (const bool masked : {false, true}) {
      const AttentionWeightsAttributes attributes{0.5, causal};
      Case c = weightsCase(random, kReal, attributes, kSmall, masked, false);
      launch(backend("reference"), c);
      for (int64_t row = 0; row < 12; ++row) {
        double sum = 0;
        bool any = false;
        for (int64_t v = 0; v < 4; ++v) {
          const bool seen = (!masked || c.in[attentionWeights::kMask].get(row / 6 * 4 + v) != 0) &&
                            (!causal || v <= row % 3);
          const double weight = c.out[0].get(row * 4 + v);
          EXPECT_EQ(weight > 0, seen);
          sum += weight;
          any = any || seen;
        }
        EXPECT_NEAR(sum, any ? 1 : 0, 1e-12);
      }
    }
}

TEST(ReferenceAttention, WeightsOfLargeScores) {
  const AttentionWeightsAttributes attributes;
  Case c{Op::AttentionWeights,
         &attributes,
         {Tensor::of(kReal, makeShape(1, 1, 1, 3), {1e4, 1e4, -1e4}), Tensor(), Tensor()},
         {Tensor(kReal, makeShape(1, 1, 1, 3))}};
  launch(backend("reference"), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{0.5, 0.5, 0}));
}

TEST(ReferenceAttention, WeightDerivatives) {
  Random random(3);
  for (const bool causal : {false, true})
    for (const bool masked : {false, true})
      for (const bool scaled : {false, true}) {
        const AttentionWeightsAttributes attributes{0.8, causal};
        Case forward = weightsCase(random, kReal, attributes, kSmall, masked, scaled);
        launch(backend("reference"), forward);
        Case backward = weightsBackwardCase(random, forward);
        launch(backend("reference"), backward);
        const auto objective = [&] {
          launch(backend("reference"), forward);
          return inner(forward.out[0], backward.in[attentionWeightsBackward::kDy]);
        };
        expectDerivative(forward.in[attentionWeights::kScores], backward.out[0], objective,
                         "scores");
        if (scaled)
          expectDerivative(forward.in[attentionWeights::kScale], backward.out[1], objective,
                           "scale");
      }
}

TEST(ReferenceAttention, AdditiveScores) {
  Random random(4);
  for (const bool weighted : {false, true})
    for (const bool inside : {false, true}) {
      Case forward = scoresCase(random, kReal, kSmall, weighted, inside);
      Case backward = scoresBackwardCase(random, forward);
      launch(backend("reference"), backward);
      const auto objective = [&] {
        launch(backend("reference"), forward);
        return inner(forward.out[0], backward.in[additiveScoresBackward::kDScores]);
      };
      objective();
      double first = 0;
      for (int64_t d = 0; d < 3; ++d)
        first += (weighted ? forward.in[additiveScores::kWeight].get(d) : 1) *
                 std::tanh((inside ? 0.7 : 1) * (forward.in[0].get(d) + forward.in[1].get(d)));
      EXPECT_NEAR(forward.out[0].get(0), first, 1e-12);
      for (size_t i = 0; i < forward.in.size(); ++i)
        if (forward.in[i].present()) {
          expectDerivative(forward.in[i], backward.out[i], objective, "additive scores");
        }
    }
}

}  // namespace
}  // namespace sluice::test
