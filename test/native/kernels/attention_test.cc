// What attention consists of, against the reference in double.
#include <gtest/gtest.h>

#include <cmath>

#include "support/agreement.h"
#include "support/attention.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;
constexpr AttentionShape kShapes[] = {{2, 1, 3, 4, 5},   {3, 2, 1, 1, 1},   {1, 3, 17, 33, 16},
                                      {2, 4, 20, 9, 19}, {0, 2, 3, 4, 5},   {2, 1, 3, 0, 4},
                                      {2, 2, 0, 3, 4},   {2, 1, 50, 70, 40}};

class Attention : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Attention);

TEST_P(Attention, ProductsFollowTheReference) {
  Random random(1);
  for (const AttentionShape& shape : kShapes)
    for (const ProductSpec& spec : productSpecs(shape)) {
      SCOPED_TRACE(spec.what);
      expectAgreement(productCase(random, kReal, spec), 2e-6);
    }
}

TEST_P(Attention, WeightsFollowTheReference) {
  Random random(2);
  for (const AttentionShape& shape : kShapes)
    for (const bool causal : {false, true})
      for (const bool masked : {false, true}) {
        const AttentionWeightsAttributes attributes{0.7, causal};
        Case forward = weightsCase(random, kReal, attributes, shape, masked, causal == masked);
        expectAgreement(forward, 1e-6);
        launch(device(), forward);
        expectAgreement(weightsBackwardCase(random, forward), 5e-6);
      }
}

TEST_P(Attention, AdditiveScoresFollowTheReference) {
  Random random(3);
  for (const AttentionShape& shape : kShapes)
    for (const bool weighted : {false, true}) {
      const Case forward = scoresCase(random, kReal, shape, weighted, !weighted);
      expectAgreement(forward, 2e-6);
      const Case backward = scoresBackwardCase(random, forward);
      // The inner scale's gradient is one sum over all queries, keys and features.
      const auto terms =
          static_cast<double>(shape.rows * shape.queries * shape.values * shape.features);
      expectAgreement(backward, 5e-6 + 1e-7 * std::sqrt(terms));
      // Each gradient may be left out without touching the others.
      for (size_t skipped = 0; skipped < backward.out.size(); ++skipped) {
        Case part = backward, all = backward;
        part.out[skipped] = Tensor();
        launch(device(), part);
        launch(device(), all);
        for (size_t i = 0; i < all.out.size(); ++i) {
          if (i == skipped) continue;
          EXPECT_TRUE(sameBits(part.out[i], all.out[i]));
        }
      }
    }
}

TEST_P(Attention, ThreadsDoNotMatter) {
  Random random(4);
  const AttentionShape shape{9, 4, 60, 70, 32};
  for (const ProductSpec& spec : productSpecs(shape))
    expectNoThreadsEffect(productCase(random, kReal, spec));
  const AttentionWeightsAttributes attributes{0.7, 1};
  Case weights = weightsCase(random, kReal, attributes, shape, true, true);
  expectNoThreadsEffect(weights);
  launch(device(), weights);
  expectNoThreadsEffect(weightsBackwardCase(random, weights));
  const Case scores = scoresCase(random, kReal, shape, true, true);
  expectNoThreadsEffect(scores);
  expectNoThreadsEffect(scoresBackwardCase(random, scores));
}

}  // namespace
}  // namespace sluice::test
