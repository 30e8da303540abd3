#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "support/launch.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const Backend& reference() { return backend("reference"); }

struct Result {
  double sum, weight;
  std::vector<double> gradient;
};

Result run(LossAttributes attributes, const Tensor& prediction, const Tensor& target,
           const Tensor& weight = {}, const Tensor& mask = {}, double scale = 1) {
  Case c{Op::Loss,
         &attributes,
         {prediction, target, weight, mask, Tensor::of(kReal, makeShape(1), {scale})},
         {Tensor(kReal, makeShape(2)), Tensor(prediction.dtype(), prediction.shape())}};
  launch(reference(), c);
  return {c.out[0].get(0), c.out[0].get(1), c.out[1].values()};
}

Tensor row(std::initializer_list<double> values) {
  return Tensor::of(kReal, makeShape(1, static_cast<int64_t>(values.size())), values);
}

TEST(ReferenceLoss, AMaskCountsForAllRowsOfItsStep) {
  // One sequence of two steps of three rows; the second step does not exist.
  const Tensor p = Tensor::of(kReal, makeShape(1, 2, 3, 1), {1, 2, 3, kNaN, kNaN, kNaN});
  const Tensor t = Tensor::of(kReal, makeShape(1, 2, 3, 1), {0, 0, 0, 0, 0, 0});
  const Result r =
      run({LossKind::MeanSquaredError}, p, t, {}, Tensor::of(DType::Bool, makeShape(1, 2), {1, 0}));
  EXPECT_EQ(r.sum, 1 + 4 + 9);
  EXPECT_EQ(r.weight, 3);
  EXPECT_EQ(r.gradient, (std::vector<double>{2, 4, 6, 0, 0, 0}));
}

TEST(ReferenceLoss, KnownValues) {
  const Tensor p = row({1, -2, 0.25}), t = row({0, 1, 0.25});
  Result r = run({LossKind::MeanSquaredError}, p, t);
  EXPECT_DOUBLE_EQ(r.sum, 10.0 / 3);
  EXPECT_EQ(r.weight, 1);
  EXPECT_DOUBLE_EQ(r.gradient[1], -2);
  r = run({LossKind::MeanAbsoluteError}, p, t);
  EXPECT_DOUBLE_EQ(r.sum, 4.0 / 3);
  EXPECT_DOUBLE_EQ(r.gradient[0], 1.0 / 3);
  EXPECT_DOUBLE_EQ(r.gradient[1], -1.0 / 3);
  EXPECT_EQ(r.gradient[2], 0);
  r = run({LossKind::Huber, 2}, p, t);
  EXPECT_DOUBLE_EQ(r.sum, (0.5 + 4) / 3);
  EXPECT_DOUBLE_EQ(r.gradient[1], -2.0 / 3);
  r = run({LossKind::BinaryCrossentropy}, row({0, 2}), row({1, 0}));
  EXPECT_DOUBLE_EQ(r.sum, (std::log(2) + std::log(1 + std::exp(2))) / 2);
  EXPECT_DOUBLE_EQ(r.gradient[0], -0.25);
  const double logits[3] = {1, 2, 3}, total = std::exp(1) + std::exp(2) + std::exp(3);
  r = run({LossKind::CategoricalCrossentropy}, row({1, 2, 3}), row({0, 1, 0}));
  EXPECT_NEAR(r.sum, std::log(total) - 2, 1e-14);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(r.gradient[i], std::exp(logits[i]) / total - (i == 1), 1e-15);
  const Result sparse = run({LossKind::SparseCategoricalCrossentropy}, row({1, 2, 3}),
                            Tensor::of(DType::Int32, makeShape(1), {1}));
  EXPECT_EQ(sparse.sum, r.sum);
  EXPECT_EQ(sparse.gradient, r.gradient);
  // Targets that do not add up to one weigh the log of the sum.
  r = run({LossKind::CategoricalCrossentropy}, row({1, 2, 3}), row({0.5, 0, 1}));
  EXPECT_NEAR(r.sum, 1.5 * std::log(total) - 3.5, 1e-14);
}

TEST(ReferenceLoss, ExtremeLogits) {
  for (const double big : {100.0, 1e4, 1e300}) {
    Result r = run({LossKind::BinaryCrossentropy}, row({big, -big}), row({1, 0}));
    EXPECT_EQ(r.sum, 0 + 2 * std::log1p(std::exp(-big)) / 2);
    r = run({LossKind::BinaryCrossentropy}, row({big, -big}), row({0, 1}));
    EXPECT_DOUBLE_EQ(r.sum, big);
    EXPECT_EQ(r.gradient[0], 0.5);
    r = run({LossKind::CategoricalCrossentropy}, row({big, -big, 0}), row({0, 0, 1}));
    EXPECT_DOUBLE_EQ(r.sum, big);
    EXPECT_NEAR(r.gradient[0], 1, 1e-15);
    EXPECT_NEAR(r.gradient[2], -1, 1e-15);
    r = run({LossKind::SparseCategoricalCrossentropy}, row({big, -big}),
            Tensor::of(DType::Int32, makeShape(1), {0}));
    EXPECT_EQ(r.sum, 0);
  }
}

TEST(ReferenceLoss, AClassOutOfRangeIsNaN) {
  for (const double index : {-1.0, 3.0, 2147483647.0}) {
    const Result r = run({LossKind::SparseCategoricalCrossentropy}, row({1, 2, 3}),
                         Tensor::of(DType::Int32, makeShape(1), {index}));
    EXPECT_TRUE(std::isnan(r.sum));
    EXPECT_TRUE(std::isnan(r.gradient[0]));
  }
}

TEST(ReferenceLoss, RowsThatDoNotCountAreNotLookedAt) {
  const LossKind kinds[] = {LossKind::MeanSquaredError, LossKind::MeanAbsoluteError,
                            LossKind::Huber, LossKind::BinaryCrossentropy,
                            LossKind::CategoricalCrossentropy};
  // [B, T, F] = [2, 2, 2]: row 1 is masked, the second batch row weighs nothing.
  const Tensor p = Tensor::of(kReal, makeShape(2, 2, 2), {1, 2, kNaN, kNaN, kNaN, 1, 1, kNaN});
  const Tensor t = Tensor::of(kReal, makeShape(2, 2, 2), {0, 1, 1, 0, kNaN, 0, 1, kNaN});
  const Tensor weight = Tensor::of(kReal, makeShape(2), {3, 0}),
               mask = Tensor::of(DType::Bool, makeShape(2, 2), {1, 0, 1, 1});
  for (const LossKind kind : kinds) {
    const Result alone = run({kind}, row({1, 2}), row({0, 1}));
    const Result r = run({kind}, p, t, weight, mask, 0.5);
    EXPECT_DOUBLE_EQ(r.sum, 3 * alone.sum);
    EXPECT_EQ(r.weight, 3);
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_DOUBLE_EQ(r.gradient[i], i < 2 ? 1.5 * alone.gradient[i] : 0);
    }
  }
}

TEST(ReferenceLoss, WeightsPerBatchRowOrPerLossRow) {
  Random random(20);
  const Tensor p = random.tensor(kReal, makeShape(2, 3, 2)),
               t = random.tensor(kReal, makeShape(2, 3, 2));
  const Result perBatch = run({}, p, t, Tensor::of(kReal, makeShape(2), {2, 5}));
  const Result perRow = run({}, p, t, Tensor::of(kReal, makeShape(2, 3), {2, 2, 2, 5, 5, 5}));
  EXPECT_EQ(perBatch.sum, perRow.sum);
  EXPECT_EQ(perBatch.weight, 21);
  EXPECT_EQ(perBatch.gradient, perRow.gradient);
}

TEST(ReferenceLoss, Derivatives) {
  Random random(21);
  for (int kind = 0; kind <= static_cast<int>(LossKind::SparseCategoricalCrossentropy); ++kind) {
    SCOPED_TRACE(kind);
    const LossAttributes attributes{.kind = static_cast<LossKind>(kind), .delta = 0.7};
    const bool sparse = attributes.kind == LossKind::SparseCategoricalCrossentropy;
    const double scale = 0.3;
    Case c{Op::Loss,
           &attributes,
           {random.tensor(kReal, makeShape(3, 2, 4), -2, 2),
            sparse ? random.tensor(DType::Int32, makeShape(3, 2), 0, 4)
                   : random.tensor(kReal, makeShape(3, 2, 4), 0, 1),
            random.tensor(kReal, makeShape(3, 2), 0, 2), random.mask(makeShape(3, 2)),
            Tensor::of(kReal, makeShape(1), {scale})},
           {Tensor(kReal, makeShape(2)), Tensor(kReal, makeShape(3, 2, 4))}};
    launch(reference(), c);
    const Tensor gradient = c.out[loss::kDPrediction];
    c.out[loss::kDPrediction] = Tensor();  // evaluation asks for the sums alone
    const auto objective = [&] {
      launch(reference(), c);
      return scale * c.out[loss::kSums].get(0);
    };
    expectDerivative(c.in[loss::kPrediction], gradient, objective, "loss");
  }
}

TEST(ReferenceLoss, NoRows) {
  const Result r = run({}, Tensor(kReal, makeShape(0, 3)), Tensor(kReal, makeShape(0, 3)),
                       Tensor(kReal, makeShape(0)));
  EXPECT_EQ(r.sum, 0);
  EXPECT_EQ(r.weight, 0);
}

Result measure(MetricAttributes attributes, const Tensor& prediction, const Tensor& target,
               const Tensor& weight = {}, const Tensor& mask = {}) {
  Case c{
      Op::Metric, &attributes, {prediction, target, weight, mask}, {Tensor(kReal, makeShape(2))}};
  launch(reference(), c);
  return {c.out[0].get(0), c.out[0].get(1), {}};
}

TEST(ReferenceMetric, KnownValues) {
  const Tensor p = Tensor::of(kReal, makeShape(2, 3), {1, -2, 0.25, 4, 4, 3}),
               t = Tensor::of(kReal, makeShape(2, 3), {0, 0, 1, 0, 1, 0});
  EXPECT_DOUBLE_EQ(measure({MetricKind::MeanSquaredError}, p, t).sum,
                   (1 + 4 + 0.5625) / 3 + (16 + 9 + 9) / 3.0);
  EXPECT_DOUBLE_EQ(measure({MetricKind::MeanAbsoluteError}, p, t).sum,
                   (1 + 2 + 0.75) / 3 + (4 + 3 + 3) / 3.0);
  EXPECT_DOUBLE_EQ(measure({MetricKind::BinaryAccuracy, 0}, p, t).sum, 2 / 3.0 + 1 / 3.0);
  EXPECT_DOUBLE_EQ(measure({MetricKind::BinaryAccuracy, 0.5}, p, t).sum, 1 / 3.0 + 1 / 3.0);
  EXPECT_EQ(measure({MetricKind::CategoricalAccuracy}, p, t).sum,
            0);  // of two maxima the first counts
  const Tensor classes = Tensor::of(DType::Int32, makeShape(2), {0, 1});
  EXPECT_EQ(measure({MetricKind::SparseCategoricalAccuracy}, p, classes).sum, 1);
  const Result weighted = measure({MetricKind::SparseCategoricalAccuracy}, p, classes,
                                  Tensor::of(kReal, makeShape(2), {2, 3}));
  EXPECT_EQ(weighted.sum, 2);
  EXPECT_EQ(weighted.weight, 5);
  const Tensor mask = Tensor::of(DType::Bool, makeShape(2), {0, 1});
  EXPECT_EQ(measure({MetricKind::SparseCategoricalAccuracy}, p, classes, {}, mask).weight, 1);
}

}  // namespace
}  // namespace sluice::test
