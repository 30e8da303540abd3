#include <gtest/gtest.h>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Dropout : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Dropout);

// The kept elements and their values are the reference's, to the bit.
TEST_P(Dropout, SameBitsAsTheReference) {
  Random random(1);
  const RunContext contexts[] = {
      {.seed = 1, .step = 2, .rowOffset = 0},
      {.seed = ~0ull, .step = (7ull << 32) + 5, .rowOffset = (3ll << 32) + 11}};
  for (const RunContext& context : contexts) {
    for (const double rate : {0.0, 0.1, 0.5, 1.0 / 3, 0.999}) {
      const DropoutAttributes attributes{.rate = rate, .stream = 42};
      for (int64_t width = 0; width <= 70; ++width) {
        const Tensor x = random.tensor(kReal, makeShape(3, width));
        Case want{Op::Dropout, &attributes, {x}, {Tensor(kReal, x.shape())}, context};
        Case got = want;
        launch(backend("reference"), want);
        onEveryTarget([&] {
          for (const int elements : {0, 1}) {
            Case c = misaligned(got, elements);
            launch(device(), c);
            EXPECT_TRUE(sameBits(c.out[0], want.out[0])) << "rate " << rate << ", width " << width;
          }
        });
      }
    }
  }
}

// Masks of weights and of gates: of ones, unscaled, the same for every part of a batch. Where runs
// are put into a queue, a row's number is made there.
TEST_P(Dropout, Options) {
  Random random(3);
  for (const int32_t unscaled : {0, 1})
    for (const int32_t ofWeights : {0, 1})
      for (const bool ofOnes : {false, true}) {
        const DropoutAttributes attributes{
            .rate = 0.4, .stream = 3, .unscaled = unscaled, .ofWeights = ofWeights};
        const Tensor x = random.tensor(kReal, makeShape(3, 2, 6));
        Case want{Op::Dropout,
                  &attributes,
                  {ofOnes ? Tensor() : x},
                  {Tensor(kReal, x.shape())},
                  {.seed = 5, .step = 6, .rowOffset = 15}};
        launch(backend("reference"), want);
        Case got = want;
        got.out[0] = Tensor(kReal, x.shape());
        if (!isCpu()) got.context.rowOffset = 5;
        got.context.rowFactor = 3;
        onEveryTarget([&] {
          launch(device(), got);
          EXPECT_TRUE(sameBits(got.out[0], want.out[0]));
        });
      }
}

TEST_P(Dropout, ThreadsDoNotMatter) {
  Random random(2);
  const DropoutAttributes attributes{.rate = 0.3, .stream = 1};
  for (const Shape& shape : {makeShape(2000, 33), makeShape(3, 100, 333)}) {
    const Tensor x = random.tensor(kReal, shape);
    expectNoThreadsEffect({Op::Dropout, &attributes, {x}, {x}});
  }
}

TEST_P(Dropout, DroppedElementsAreNotLookedAt) {
  const DropoutAttributes attributes{.rate = 0.5, .stream = 1};
  Case ones{Op::Dropout,
            &attributes,
            {Tensor::filled(kReal, makeShape(1, 40), 1)},
            {Tensor(kReal, makeShape(1, 40))}};
  launch(device(), ones);
  Case c = ones;
  for (int64_t i = 0; i < 40; ++i) {
    if (ones.out[0].get(i) == 0) c.in[0].set(i, __builtin_nan(""));
  }
  onEveryTarget([&] {
    launch(device(), c);
    EXPECT_TRUE(sameBits(c.out[0], ones.out[0]));
  });
}

}  // namespace
}  // namespace sluice::test
