// Penalty against the reference.
#include <gtest/gtest.h>

#include <cmath>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

// The masked steps hold NaN.
Case penaltyCase(Random& random, const PenaltyAttributes& attributes, const Shape& shape,
                 bool masked, double scale = 0.3) {
  Case c{Op::Penalty, &attributes, std::vector<Tensor>(penalty::kInCount),
         std::vector<Tensor>(penalty::kOutCount)};
  Tensor x = random.tensor(kReal, shape);
  if (x.size() > 2) x.set(2, 0);
  if (masked) {
    c.in[penalty::kMask] = random.mask(makeShape(shape[0], shape[1]));
    const int64_t perStep = x.size() / std::max<int64_t>(1, shape[0] * shape[1]);
    for (int64_t i = 0; i < x.size(); ++i)
      if (c.in[penalty::kMask].get(i / perStep) == 0) x.set(i, std::nan(""));
  }
  c.in[penalty::kX] = x;
  c.in[penalty::kScale] = Tensor::of(DType::Float64, makeShape(1), {scale});
  c.in[penalty::kDy] = random.tensor(kReal, shape);
  c.out[penalty::kSum] = Tensor(DType::Float64, makeShape(1));
  c.out[penalty::kDx] = Tensor(kReal, shape);
  return c;
}

class Penalty : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Penalty);

TEST_P(Penalty, Agrees) {
  Random random(1);
  for (const PenaltyAttributes& attributes :
       {PenaltyAttributes{0.5, 0}, PenaltyAttributes{0, 0.5}, PenaltyAttributes{0.2, 0.7}}) {
    for (const bool masked : {false, true}) {
      for (int64_t n = 0; n <= 34; ++n)
        expectAgreement(penaltyCase(random, attributes, makeShape(2, 3, n), masked), 3e-7);
      for (const Shape& shape :
           {makeShape(0, 4, 2), makeShape(3, 0, 2), makeShape(5, 7), makeShape(2, 6, 2, 3),
            makeShape(9, 40, 61), makeShape(1, 2, 9000)})
        expectAgreement(penaltyCase(random, attributes, shape, masked), 3e-7);
    }
  }
}

TEST_P(Penalty, GivesTheSumAloneOrTheGradientAlone) {
  Random random(2);
  const PenaltyAttributes attributes{0.2, 0.7};
  for (const bool masked : {false, true})
    for (const double scale : {0.0, 0.3}) {
      const Case both = penaltyCase(random, attributes, makeShape(3, 5, 40), masked, scale);
      for (const int left : {0, 1}) {
        Case one = both;
        one.out[static_cast<size_t>(left)] = Tensor();
        expectAgreement(one, 3e-7);
        one.in[penalty::kDy] = Tensor();
        expectAgreement(one, 3e-7);
      }
    }
}

// The plan adds a weight's penalty to the gradient where it lies.
TEST_P(Penalty, MayAddInPlace) {
  Random random(3);
  const PenaltyAttributes attributes{0.2, 0.7};
  onEveryTarget([&] {
    for (const double scale : {0.0, 0.3}) {
      Case apart = penaltyCase(random, attributes, makeShape(3, 5, 40), false, scale);
      Case inPlace = apart;
      launch(device(), apart);
      launchInPlace(device(), inPlace, penalty::kDy, penalty::kDx);
      EXPECT_TRUE(sameBits(apart.out[penalty::kDx], inPlace.out[penalty::kDx]));
    }
  });
}

TEST_P(Penalty, ThreadsDoNotMatter) {
  Random random(4);
  const PenaltyAttributes attributes{0.2, 0.7};
  for (const bool masked : {false, true})
    expectNoThreadsEffect(penaltyCase(random, attributes, makeShape(50, 40, 61), masked));
}

}  // namespace
}  // namespace sluice::test
