#include <gtest/gtest.h>

#include <cmath>

#include "engine/core/random.h"
#include "support/launch.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;
const Backend& reference() { return backend("reference"); }

TEST(ReferenceMerge, ValuesAndDerivatives) {
  Random random(5);
  const Shape shape = makeShape(3, 4);
  for (const MergeMode mode : {MergeMode::Sum, MergeMode::Average, MergeMode::Multiply}) {
    const MergeAttributes attributes{mode};
    Case forward{Op::Merge,
                 &attributes,
                 {random.tensor(kReal, shape), random.tensor(kReal, shape)},
                 {Tensor(kReal, shape)}};
    launch(reference(), forward);
    const double a = forward.in[0].get(5), b = forward.in[1].get(5);
    const double want = mode == MergeMode::Sum       ? a + b
                        : mode == MergeMode::Average ? (a + b) / 2
                                                     : a * b;
    EXPECT_DOUBLE_EQ(forward.out[0].get(5), want);
    const Tensor dy = random.tensor(kReal, shape);
    Case backward{Op::MergeBackward,
                  &attributes,
                  {forward.in[0], forward.in[1], dy},
                  {Tensor(kReal, shape), Tensor(kReal, shape)}};
    launch(reference(), backward);
    const auto objective = [&] {
      launch(reference(), forward);
      return inner(forward.out[0], dy);
    };
    for (size_t i = 0; i < 2; ++i)
      expectDerivative(forward.in[i], backward.out[i], objective, "merge");
    for (size_t i = 0; i < 2; ++i) {
      Case one = backward;
      one.out[1 - i] = Tensor();
      launch(reference(), one);
      EXPECT_TRUE(sameBits(one.out[i], backward.out[i]));
    }
  }
}

TEST(ReferenceAdd, AddsToWhatIsThere) {
  Case c{Op::Add,
         nullptr,
         {Tensor::of(kReal, makeShape(3), {1, 2, 3})},
         {Tensor::of(kReal, makeShape(3), {10, 20, 30})}};
  launch(reference(), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{11, 22, 33}));
}

TEST(ReferenceMaskAnd, IsTrueWhereBothAre) {
  Case c{Op::MaskAnd,
         nullptr,
         {Tensor::of(DType::Bool, makeShape(1, 4), {0, 0, 1, 1}),
          Tensor::of(DType::Bool, makeShape(1, 4), {0, 1, 0, 1})},
         {Tensor(DType::Bool, makeShape(1, 4))}};
  launch(reference(), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{0, 0, 0, 1}));
}

TEST(ReferenceNormalize, ValuesInverseAndDerivatives) {
  Random random(6);
  const Tensor mean = Tensor::of(kReal, makeShape(3), {1, -2, 0.5}),
               variance = Tensor::of(kReal, makeShape(3), {4, 0.25, 0});
  for (const int invert : {0, 1}) {
    const NormalizeAttributes attributes{.epsilon = 0.1, .invert = invert};
    Case forward{Op::Normalize,
                 &attributes,
                 {random.tensor(kReal, makeShape(2, 2, 3)), mean, variance},
                 {Tensor(kReal, makeShape(2, 2, 3))}};
    const Tensor dy = random.tensor(kReal, makeShape(2, 2, 3));
    Case backward{
        Op::NormalizeBackward, &attributes, {variance, dy}, {Tensor(kReal, makeShape(2, 2, 3))}};
    launch(reference(), forward);
    launch(reference(), backward);
    const double x = forward.in[0].get(2);  // a feature of variance 0: epsilon stands in
    EXPECT_DOUBLE_EQ(forward.out[0].get(2), invert ? x * 0.1 + 0.5 : (x - 0.5) / 0.1);
    const auto objective = [&] {
      launch(reference(), forward);
      return inner(forward.out[0], dy);
    };
    expectDerivative(forward.in[0], backward.out[0], objective, "normalize");

    const NormalizeAttributes other{.epsilon = 0.1, .invert = 1 - invert};
    Case back{Op::Normalize,
              &other,
              {forward.out[0], mean, variance},
              {Tensor(kReal, makeShape(2, 2, 3))}};
    launch(reference(), back);
    EXPECT_LE(difference(back.out[0], forward.in[0]), 1e-15);
  }
}

Tensor dropped(const Tensor& x, double rate, RunContext context, uint64_t stream = 1) {
  const DropoutAttributes attributes{.rate = rate, .stream = stream};
  Case c{Op::Dropout, &attributes, {x}, {Tensor(x.dtype(), x.shape())}, context};
  launch(reference(), c);
  return c.out[0];
}

TEST(ReferenceDropout, KeepsTheMeanAndTheShare) {
  const Tensor ones = Tensor::filled(DType::Float32, makeShape(100, 10, 100), 1);
  for (const double rate : {0.0, 0.1, 0.5, 0.9}) {
    const Tensor y = dropped(ones, rate, {.seed = 5});
    double kept = 0, sum = 0;
    for (const double v : y.values()) {
      EXPECT_TRUE(v == 0 || std::abs(v - 1 / (1 - rate)) < 1e-6);
      kept += v != 0;
      sum += v;
    }
    const double n = static_cast<double>(y.size()), deviation = std::sqrt(rate * (1 - rate) / n);
    EXPECT_NEAR(kept / n, 1 - rate, 5 * deviation);
    EXPECT_NEAR(sum / n, 1, 5 * deviation / (1 - rate) + 1e-6);
  }
}

TEST(ReferenceDropout, DependsOnSeedStreamStepAndGlobalRowAlone) {
  const Tensor ones = Tensor::filled(kReal, makeShape(6, 7), 1);
  const RunContext context{.seed = 3, .step = 9, .rowOffset = 100};
  const Tensor all = dropped(ones, 0.5, context);
  // The rows 2..5 as a batch of their own, which starts at global row 102.
  RunContext later = context;
  later.rowOffset = 102;
  const Tensor some = dropped(Tensor::filled(kReal, makeShape(4, 7), 1), 0.5, later);
  for (int64_t i = 0; i < some.size(); ++i) EXPECT_EQ(some.get(i), all.get(14 + i));
  // The shape within a row plays no part.
  EXPECT_EQ(dropped(Tensor::filled(kReal, makeShape(6, 7, 1), 1), 0.5, context).values(),
            all.values());
  EXPECT_TRUE(sameBits(dropped(ones, 0.5, context), all));
  RunContext other = context;
  other.step = 10;
  EXPECT_FALSE(sameBits(dropped(ones, 0.5, other), all));
  other = context;
  other.seed = 4;
  EXPECT_FALSE(sameBits(dropped(ones, 0.5, other), all));
  EXPECT_FALSE(sameBits(dropped(ones, 0.5, context, 2), all));
}

TEST(ReferenceDropout, ReadsTheNumbersOfItsContract) {
  const RunContext context{.seed = 3, .step = 9, .rowOffset = 100};
  const Tensor y = dropped(Tensor::filled(kReal, makeShape(2, 6), 3), 0.25, context, 77);
  for (uint64_t b = 0; b < 2; ++b) {
    for (uint64_t e = 0; e < 6; ++e) {
      const uint32_t bits = rowRandom(randomKey(3, 77), 9, 100 + b, e / 4)[e % 4];
      EXPECT_DOUBLE_EQ(y.get(static_cast<int64_t>(b * 6 + e)), unitFloat(bits) >= 0.25 ? 4 : 0);
    }
  }
}

TEST(ReferenceDropout, EmptyTensors) {
  dropped(Tensor(kReal, makeShape(0, 4)), 0.5, {});
  dropped(Tensor(kReal, makeShape(4, 0)), 0.5, {});
}

}  // namespace
}  // namespace sluice::test
