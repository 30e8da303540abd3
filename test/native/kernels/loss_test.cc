#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

enum class Weights { None, PerBatch, PerRow, Mask, Both };

// Random arguments of a loss or a metric for predictions of this shape; F is its last axis.
std::vector<Tensor> arguments(Random& random, const Shape& shape, bool sparse, bool oneHot,
                              Weights weights) {
  Shape rows = shape;
  rows.rank -= 1;
  const int64_t F = shape.last();
  std::vector<Tensor> in(4);
  in[loss::kPrediction] = random.tensor(kReal, shape, -6, 6);
  if (sparse) {
    in[loss::kTarget] = Tensor(DType::Int32, rows);
    for (int64_t i = 0; i < rows.elements(); ++i) {
      in[loss::kTarget].set(i, static_cast<double>(random.integer(0, F - 1)));
    }
  } else {
    in[loss::kTarget] = random.tensor(kReal, shape, 0, 1);
    for (int64_t i = 0; oneHot && i < rows.elements(); ++i) {
      const int64_t truth = random.integer(0, F - 1);
      for (int64_t f = 0; f < F; ++f) in[loss::kTarget].set(i * F + f, f == truth);
    }
  }
  if (weights == Weights::PerBatch)
    in[loss::kWeight] = random.tensor(kReal, makeShape(shape[0]), 0, 2);
  if (weights == Weights::PerRow || weights == Weights::Both) {
    in[loss::kWeight] = random.tensor(kReal, rows, 0, 2);
    for (int64_t i = 0; i < rows.elements(); i += 3) in[loss::kWeight].set(i, 0);
  }
  int64_t rowsPerMask = 1;
  if (weights == Weights::Mask || weights == Weights::Both) {
    const Shape steps = rows.rank > 2 ? makeShape(shape[0], shape[1]) : rows;
    in[loss::kMask] = random.mask(steps);
    rowsPerMask = rows.elements() / std::max<int64_t>(1, steps.elements());
  }
  // Rows that do not count may hold anything.
  for (int64_t i = 0; i < rows.elements(); ++i) {
    const bool masked = in[loss::kMask].present() && in[loss::kMask].get(i / rowsPerMask) == 0;
    const bool weightless = in[loss::kWeight].present() && in[loss::kWeight].shape() == rows &&
                            in[loss::kWeight].get(i) == 0;
    for (int64_t f = 0; (masked || weightless) && f < F; ++f) {
      in[loss::kPrediction].set(i * F + f, kNaN);
      if (!sparse) in[loss::kTarget].set(i * F + f, kNaN);
    }
    if (sparse && (masked || weightless)) in[loss::kTarget].set(i, -7);
  }
  return in;
}

Case lossCase(Random& random, const LossAttributes& attributes, const Shape& shape,
              Weights weights) {
  const bool sparse = attributes.kind == LossKind::SparseCategoricalCrossentropy;
  const bool oneHot = attributes.kind == LossKind::CategoricalCrossentropy;
  Case c{Op::Loss, &attributes, arguments(random, shape, sparse, oneHot, weights), {}};
  c.in.push_back(Tensor::of(DType::Float64, makeShape(1), {0.37}));
  c.out = {Tensor(DType::Float64, makeShape(2)), Tensor(kReal, shape)};
  return c;
}

constexpr Weights kWeights[] = {Weights::None, Weights::PerBatch, Weights::PerRow, Weights::Mask,
                                Weights::Both};

class Loss : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Loss);
class Metric : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Metric);

TEST_P(Loss, Agrees) {
  Random random(1);
  for (int kind = 0; kind <= static_cast<int>(LossKind::SparseCategoricalCrossentropy); ++kind) {
    const LossAttributes attributes{.kind = static_cast<LossKind>(kind), .delta = 1.5};
    for (const Weights weights : kWeights) {
      for (const Shape& shape : {makeShape(7, 1), makeShape(5, 3), makeShape(4, 10),
                                 makeShape(3, 17), makeShape(4, 6, 33), makeShape(3, 4, 5, 2),
                                 makeShape(2, 2, 1024), makeShape(2, 1500), makeShape(0, 4)}) {
        SCOPED_TRACE("kind " + std::to_string(kind) + ", weights " +
                     std::to_string(static_cast<int>(weights)) + ", shape " + toString(shape));
        Case c = lossCase(random, attributes, shape, weights);
        expectAgreement(c, 1e-6);
        c.out[loss::kDPrediction] = Tensor();
        expectAgreement(c, 1e-6);
      }
    }
  }
}

TEST_P(Loss, ThreadsDoNotMatter) {
  Random random(2);
  for (int kind = 0; kind <= static_cast<int>(LossKind::SparseCategoricalCrossentropy); ++kind) {
    const LossAttributes attributes{.kind = static_cast<LossKind>(kind), .delta = 1.5};
    for (const Shape& shape : {makeShape(20000, 1), makeShape(30, 30, 33), makeShape(11, 9000)}) {
      expectNoThreadsEffect(lossCase(random, attributes, shape, Weights::Both));
      expectNoThreadsEffect(lossCase(random, attributes, shape, Weights::None));
    }
  }
}

TEST_P(Loss, ExtremeLogits) {
  const Tensor p = Tensor::of(kReal, makeShape(6, 2),
                              {90, -90, 1e4, -1e4, 1e38, -1e38, -90, 90, 0, 0, 1e-30, -1e-30});
  const Tensor t = Tensor::of(kReal, makeShape(6, 2), {1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1});
  for (const LossKind kind : {LossKind::BinaryCrossentropy, LossKind::CategoricalCrossentropy}) {
    const LossAttributes attributes{.kind = kind};
    Case c{Op::Loss,
           &attributes,
           {p, t, {}, {}, Tensor::of(DType::Float64, makeShape(1), {1})},
           {Tensor(DType::Float64, makeShape(2)), Tensor(kReal, p.shape())}};
    expectAgreement(c, 1e-6);
  }
}

TEST_P(Loss, NotFiniteValuesAreNotHidden) {
  for (int kind = 0; kind <= static_cast<int>(LossKind::CategoricalCrossentropy); ++kind) {
    const LossAttributes attributes{.kind = static_cast<LossKind>(kind)};
    for (int64_t at = 0; at < 19; ++at) {
      Case c{Op::Loss,
             &attributes,
             {Tensor::filled(kReal, makeShape(1, 19), 0.5),
              Tensor::filled(kReal, makeShape(1, 19), 0.25),
              {},
              {},
              Tensor::of(DType::Float64, makeShape(1), {1})},
             {Tensor(DType::Float64, makeShape(2)), Tensor(kReal, makeShape(1, 19))}};
      c.in[loss::kPrediction].set(at, kNaN);
      onEveryTarget([&] {
        launch(device(), c);
        EXPECT_TRUE(std::isnan(c.out[loss::kSums].get(0)));
        EXPECT_TRUE(std::isnan(c.out[loss::kDPrediction].get(at)));
      });
    }
  }
}

TEST_P(Loss, AClassOutOfRangeIsNaN) {
  const LossAttributes attributes{.kind = LossKind::SparseCategoricalCrossentropy};
  for (const double index : {-1.0, 3.0, 2147483647.0}) {
    Case c{Op::Loss,
           &attributes,
           {Tensor::of(kReal, makeShape(1, 3), {1, 2, 3}),
            Tensor::of(DType::Int32, makeShape(1), {index}),
            {},
            {},
            Tensor::of(DType::Float64, makeShape(1), {1})},
           {Tensor(DType::Float64, makeShape(2)), Tensor(kReal, makeShape(1, 3))}};
    expectAgreement(c, 0);
  }
}

TEST_P(Metric, Agrees) {
  Random random(3);
  for (int kind = 0; kind <= static_cast<int>(MetricKind::SparseCategoricalAccuracy); ++kind) {
    const MetricAttributes attributes{.kind = static_cast<MetricKind>(kind), .threshold = 0.2};
    const bool sparse = attributes.kind == MetricKind::SparseCategoricalAccuracy;
    const bool oneHot = attributes.kind == MetricKind::CategoricalAccuracy;
    for (const Weights weights : kWeights) {
      for (const Shape& shape : {makeShape(7, 1), makeShape(40, 3), makeShape(40, 10),
                                 makeShape(4, 6, 33), makeShape(2, 1500), makeShape(0, 4)}) {
        Case c{Op::Metric,
               &attributes,
               arguments(random, shape, sparse, oneHot, weights),
               {Tensor(DType::Float64, makeShape(2))}};
        expectAgreement(c, 1e-6);
      }
    }
    Case big{Op::Metric,
             &attributes,
             arguments(random, makeShape(60, 10, 17), sparse, oneHot, Weights::Both),
             {Tensor(DType::Float64, makeShape(2))}};
    expectNoThreadsEffect(big);
  }
}

TEST_P(Metric, TheFirstOfSeveralMaximaCounts) {
  const MetricAttributes attributes{.kind = MetricKind::SparseCategoricalAccuracy};
  for (int64_t first = 0; first < 40; ++first) {
    Case c{Op::Metric,
           &attributes,
           {Tensor::filled(kReal, makeShape(1, 40), -1),
            Tensor::of(DType::Int32, makeShape(1), {double(first)}),
            {},
            {}},
           {Tensor(DType::Float64, makeShape(2))}};
    for (int64_t i = first; i < 40; i += 3) c.in[0].set(i, 2);
    onEveryTarget([&] {
      launch(device(), c);
      EXPECT_EQ(c.out[0].get(0), 1);
    });
  }
}

}  // namespace
}  // namespace sluice::test
