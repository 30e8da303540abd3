// Softmax, LayerNorm, UnitLength, Moments, BatchNorm and their gradients against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Softmax : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Softmax);
class LayerNorm : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(LayerNorm);
class UnitLength : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(UnitLength);
class BatchNorm : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(BatchNorm);
class Moments : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Moments);
class MovingAverage : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(MovingAverage);
constexpr int64_t kFeatures[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 64, 257};

TEST_P(Softmax, Agrees) {
  Random random(1);
  const auto check = [&](const Shape& shape, int32_t axis, const Tensor& mask) {
    const SoftmaxAttributes attributes{axis};
    const Tensor x = random.tensor(kReal, shape, -9, 9), dy = random.tensor(kReal, shape);
    const Case forward{Op::Softmax, &attributes, {x, mask}, {Tensor(kReal, shape)}};
    expectAgreement(forward, 1e-6);
    expectNoThreadsEffect(forward);
    Case exact = forward;
    launch(backend("reference"), exact);
    const Case backward{Op::SoftmaxBackward, &attributes, {exact.out[0], dy, mask}, {dy}};
    expectAgreement(backward, 1e-6);
    expectNoThreadsEffect(backward);
  };
  for (const int64_t F : kFeatures) {
    check(makeShape(4, F), 1, {});
    check(makeShape(2, 3, F), 2, {});
    check(makeShape(2, 5, F), 1, {});
    check(makeShape(6, 5, F), 1, random.mask(makeShape(6, 5), 0.4));
  }
  check(makeShape(0, 3), 1, {});
  check(makeShape(3, 0, 2), 1, {});
  check(makeShape(300, 200), 1, {});
  check(makeShape(3, 1500), 1, {});
  check(makeShape(40, 50, 30), 1, random.mask(makeShape(40, 50)));
}

TEST_P(Softmax, LargeNumbersAndMaskedNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const SoftmaxAttributes attributes{1};
  const Tensor x = Tensor::of(kReal, makeShape(2, 3), {1000, 999, -3e38, -1000, -1001, -1e9});
  expectAgreement({Op::Softmax, &attributes, {x}, {x}}, 1e-6);
  const Tensor padded = Tensor::of(kReal, makeShape(2, 3, 1), {nan, 1, 2, nan, nan, nan});
  const Tensor mask = Tensor::of(DType::Bool, makeShape(2, 3), {0, 1, 1, 0, 0, 0});
  Case c{Op::Softmax, &attributes, {padded, mask}, {Tensor(kReal, padded.shape())}};
  launch(device(), c);
  const double p = 1 / (1 + std::exp(1));
  for (const auto& [i, want] :
       {std::pair{0, 0.0}, {1, p}, {2, 1 - p}, {3, 0.0}, {4, 0.0}, {5, 0.0}})
    EXPECT_NEAR(c.out[0].get(i), want, 1e-6);
}

TEST_P(LayerNorm, Agrees) {
  Random random(2);
  const NormAttributes attributes{.epsilon = 1e-3};
  const auto check = [&](const Shape& rows, int64_t F, bool parameters) {
    Shape shape = rows, two = rows;
    shape[shape.rank++] = F;
    two[two.rank++] = 2;
    const Tensor x = random.tensor(kReal, shape, 1, 4), dy = random.tensor(kReal, shape);
    const Tensor gamma = parameters ? random.tensor(kReal, makeShape(F)) : Tensor();
    const Tensor beta = parameters ? random.tensor(kReal, makeShape(F)) : Tensor();
    const Case forward{Op::LayerNorm, &attributes, {x, gamma, beta}, {dy, Tensor(kReal, two)}};
    expectAgreement(forward, 5e-6);
    expectNoThreadsEffect(forward);
    Case exact = inDouble(forward);
    launch(backend("reference"), exact);
    const Tensor vector = Tensor(kReal, makeShape(F));
    const Case backward{Op::LayerNormBackward,
                        &attributes,
                        {x, gamma, exact.out[1].cast(kReal), dy},
                        {dy, parameters ? vector : Tensor(), parameters ? vector : Tensor()}};
    expectAgreement(backward, 2e-5);
    expectNoThreadsEffect(backward);
  };
  for (const bool parameters : {false, true}) {
    for (const int64_t F : kFeatures)
      for (const Shape& rows : {makeShape(0, 3), makeShape(1, 1), makeShape(4, 5)})
        check(rows, F, parameters);
    for (const int64_t F : {1, 9, 33}) check(makeShape(300, 2), F, parameters);
    check(makeShape(2), 1500, parameters);
  }
}

TEST_P(UnitLength, Agrees) {
  Random random(3);
  const UnitLengthAttributes attributes;
  for (const int64_t F : kFeatures) {
    Tensor x = random.tensor(kReal, makeShape(6, F)), dy = random.tensor(kReal, makeShape(6, F));
    for (int64_t f = 0; f < F; ++f) x.set(f, 0);          // no direction
    for (int64_t f = F; f < 2 * F; ++f) x.set(f, 1e-12);  // hardly one
    expectAgreement({Op::UnitLength, &attributes, {x}, {dy}}, 1e-6);
    expectAgreement({Op::UnitLengthBackward, &attributes, {x, dy}, {dy}}, 1e-6);
  }
  const Tensor x = random.tensor(kReal, makeShape(2, 1500)), dy = random.tensor(kReal, x.shape());
  expectAgreement({Op::UnitLength, &attributes, {x}, {dy}}, 1e-6);
  expectAgreement({Op::UnitLengthBackward, &attributes, {x, dy}, {dy}}, 1e-6);
}

TEST_P(BatchNorm, Agrees) {
  Random random(4);
  for (const int64_t F : kFeatures)
    for (const Shape& rows : {makeShape(1, 1), makeShape(7, 3), makeShape(60, 9)})
      for (const bool masked : {false, true})
        for (const int ofBatch : {0, 1}) {
          Shape shape = rows;
          shape[shape.rank++] = F;
          const NormAttributes attributes{.epsilon = 1e-3, .ofBatch = ofBatch};
          const Tensor x = random.tensor(kReal, shape, 1, 4), dy = random.tensor(kReal, shape);
          const Tensor mask = masked ? random.mask(rows) : Tensor(), none;
          const Tensor vector = random.tensor(kReal, makeShape(F));
          Case moments{Op::Moments, nullptr, {x, mask}, {vector, vector}};
          expectAgreement(moments, 2e-6);
          expectNoThreadsEffect(moments);
          launch(backend("reference"), moments);
          const Tensor &mean = moments.out[0], &variance = moments.out[1];
          for (const bool parameters : {false, true}) {
            const Tensor gamma = parameters ? vector : Tensor(), beta = gamma;
            expectAgreement({Op::BatchNorm, &attributes, {x, mean, variance, gamma, beta}, {dy}},
                            5e-6);
            const Case backward{Op::BatchNormBackward,
                                &attributes,
                                {x, mask, mean, variance, gamma, dy},
                                {dy, parameters ? vector : none, parameters ? vector : none}};
            expectAgreement(backward, 2e-5);
            expectNoThreadsEffect(backward);
          }
        }
}

// A variance that is small beside the mean, and one of numbers that are all the same.
TEST_P(Moments, FarFromZero) {
  Random random(7);
  Tensor x = random.tensor(kReal, makeShape(300, 2), 4000, 4001);
  for (int64_t row = 0; row < 300; ++row) x.set(2 * row + 1, 4000.7f);
  const Tensor vector = Tensor(kReal, makeShape(2));
  onEveryTarget([&] {
    Case c{Op::Moments, nullptr, {x, Tensor()}, {vector, vector}};
    Case want = inDouble(c);
    launch(backend("reference"), want);
    launch(device(), c);
    EXPECT_NEAR(c.out[0].get(0), want.out[0].get(0), 1e-3);
    EXPECT_NEAR(c.out[1].get(0), want.out[1].get(0), 1e-5);
    EXPECT_NEAR(c.out[1].get(1), 0, 1e-6);
  });
}

TEST_P(Moments, OfNothingAreZero) {
  Random random(5);
  const Tensor x = random.tensor(kReal, makeShape(2, 3, 4));
  const Tensor vector = Tensor(kReal, makeShape(4));
  const Tensor mask = Tensor::filled(DType::Bool, makeShape(2, 3), 0);
  Case c{Op::Moments, nullptr, {x, mask}, {vector, vector}};
  launch(device(), c);
  for (const Tensor& out : c.out)
    for (const double value : out.values()) EXPECT_EQ(value, 0);
}

TEST_P(MovingAverage, Agrees) {
  Random random(6);
  const MovingAverageAttributes attributes{0.9};
  const Tensor a = random.tensor(kReal, makeShape(13)), b = random.tensor(kReal, makeShape(13));
  expectAgreement({Op::MovingAverage, &attributes, {a, b}, {a}}, 1e-7);
}

}  // namespace
}  // namespace sluice::test
