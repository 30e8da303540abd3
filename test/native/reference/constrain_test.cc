// Keras' MaxNorm, NonNeg and UnitNorm, by hand.
#include <gtest/gtest.h>

#include "support/launch.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;

std::vector<double> constrained(const ConstraintAttributes& attributes, const Tensor& weights) {
  Case c{Op::Constrain, &attributes, {}, {weights}};
  launch(backend("reference"), c);
  return c.out[constrain::kWeights].values();
}

TEST(ReferenceConstrain, MaxNormShortensWhatIsTooLong) {
  const Tensor w = Tensor::of(kReal, makeShape(2, 3), {3, 0.3, 0, 4, 0.4, 0});
  const auto columns = constrained({ConstraintKind::MaxNorm, 2, 0}, w);
  const double lengths[] = {2 / (5 + 1e-7), 0.5 / (0.5 + 1e-7), 0};
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_DOUBLE_EQ(columns[c], w.get(static_cast<int64_t>(c)) * lengths[c]);
    EXPECT_DOUBLE_EQ(columns[3 + c], w.get(static_cast<int64_t>(3 + c)) * lengths[c]);
  }
  const Tensor rows = Tensor::of(kReal, makeShape(2, 2), {3, 4, 1, 0});
  EXPECT_EQ(constrained({ConstraintKind::MaxNorm, 2, 1}, rows),
            (std::vector<double>{3 * (2 / (5 + 1e-7)), 4 * (2 / (5 + 1e-7)), 1 / (1 + 1e-7), 0}));
}

TEST(ReferenceConstrain, UnitNormMakesEachOne) {
  const auto w =
      constrained({ConstraintKind::UnitNorm, 2, 0}, Tensor::of(kReal, makeShape(3), {0, 3, 4}));
  EXPECT_EQ(w, (std::vector<double>{0, 3 * (1 / (5 + 1e-7)), 4 * (1 / (5 + 1e-7))}));
}

TEST(ReferenceConstrain, NonNegHasNothingBelowZero) {
  const Tensor w = Tensor::of(kReal, makeShape(2, 2), {-1, 2, 0, -1e-30});
  EXPECT_EQ(constrained({ConstraintKind::NonNeg, 2, 0}, w), (std::vector<double>{0, 2, 0, 0}));
}

// [2, 2, 2] along its middle.
TEST(ReferenceConstrain, TakesAnyAxis) {
  const Tensor w = Tensor::of(kReal, makeShape(2, 2, 2), {3, 0, 4, 1, 0, 6, 1, 8});
  const auto unit = constrained({ConstraintKind::UnitNorm, 2, 1}, w);
  const double expected[] = {0.6, 0, 0.8, 1, 0, 0.6, 1, 0.8};
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(unit[i], expected[i], 1e-6);
}

}  // namespace
}  // namespace sluice::test
