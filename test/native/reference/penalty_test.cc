// l1 sum |x| + l2 sum x^2.
#include <gtest/gtest.h>

#include <limits>

#include "support/launch.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;
const Backend& reference() { return backend("reference"); }

Case penaltyCase(const PenaltyAttributes& attributes, const Tensor& x, double scale,
                 const Tensor& mask = {}, const Tensor& dy = {}) {
  return {Op::Penalty,
          &attributes,
          {x, mask, Tensor::of(DType::Float64, makeShape(1), {scale}), dy},
          {Tensor(DType::Float64, makeShape(1)), Tensor(x.dtype(), x.shape())}};
}

TEST(ReferencePenalty, IsWhatTheFormulaSays) {
  const PenaltyAttributes attributes{.l1 = 0.5, .l2 = 0.25};
  Case c = penaltyCase(attributes, Tensor::of(kReal, makeShape(4), {2, -4, 0, 1}), 2, {},
                       Tensor::of(kReal, makeShape(4), {1, 1, 1, 1}));
  launch(reference(), c);
  EXPECT_DOUBLE_EQ(c.out[penalty::kSum].get(0), 2 * (0.5 * 7 + 0.25 * 21));
  // 1 + 2 (0.5 sign x + 0.5 x), and at 0 the slope of |x| is 0.
  EXPECT_EQ(c.out[penalty::kDx].values(), (std::vector<double>{4, -4, 1, 3}));
}

TEST(ReferencePenalty, IsDifferentiatedRightly) {
  Random random(1);
  const PenaltyAttributes attributes{.l1 = 0.3, .l2 = 0.7};
  Case c = penaltyCase(attributes, random.tensor(kReal, makeShape(3, 4), 0.1, 2), 1.5);
  for (const int64_t i : {1, 5, 8}) c.in[penalty::kX].set(i, -c.in[penalty::kX].get(i));
  launch(reference(), c);
  const Tensor dx = c.out[penalty::kDx];
  const auto objective = [&] {
    launch(reference(), c);
    return c.out[penalty::kSum].get(0);
  };
  expectDerivative(c.in[penalty::kX], dx, objective, "penalty");
}

TEST(ReferencePenalty, DoesNotLookAtMaskedSteps) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const PenaltyAttributes attributes{.l1 = 1, .l2 = 0};
  Case c = penaltyCase(attributes, Tensor::of(kReal, makeShape(1, 2, 2), {nan, nan, 3, -4}), 1,
                       Tensor::of(DType::Bool, makeShape(1, 2), {0, 1}),
                       Tensor::of(kReal, makeShape(1, 2, 2), {7, 7, 7, 7}));
  launch(reference(), c);
  EXPECT_EQ(c.out[penalty::kSum].get(0), 7);
  EXPECT_EQ(c.out[penalty::kDx].values(), (std::vector<double>{7, 7, 8, 6}));
}

TEST(ReferencePenalty, WithScaleZeroIsNotThere) {
  const PenaltyAttributes attributes{.l1 = 1, .l2 = 1};
  Case c = penaltyCase(attributes, Tensor::filled(kReal, makeShape(3), 1e300), 0);
  launch(reference(), c);
  EXPECT_EQ(c.out[penalty::kSum].get(0), 0);
  EXPECT_EQ(c.out[penalty::kDx].values(), (std::vector<double>{0, 0, 0}));
}

}  // namespace
}  // namespace sluice::test
