#include <gtest/gtest.h>

#include "cpu/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

// The kept elements and their values are the reference's, to the bit.
TEST(CpuDropout, SameBitsAsTheReference) {
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
            launch(backend("cpu"), c);
            EXPECT_TRUE(sameBits(c.out[0], want.out[0])) << "rate " << rate << ", width " << width;
          }
        });
      }
    }
  }
}

TEST(CpuDropout, ThreadsDoNotMatter) {
  Random random(2);
  const DropoutAttributes attributes{.rate = 0.3, .stream = 1};
  for (const Shape& shape : {makeShape(2000, 33), makeShape(3, 100, 333)}) {
    const Tensor x = random.tensor(kReal, shape);
    expectNoThreadsEffect({Op::Dropout, &attributes, {x}, {x}});
  }
}

TEST(CpuDropout, DroppedElementsAreNotLookedAt) {
  const DropoutAttributes attributes{.rate = 0.5, .stream = 1};
  Case ones{Op::Dropout,
            &attributes,
            {Tensor::filled(kReal, makeShape(1, 40), 1)},
            {Tensor(kReal, makeShape(1, 40))}};
  launch(backend("cpu"), ones);
  Case c = ones;
  for (int64_t i = 0; i < 40; ++i) {
    if (ones.out[0].get(i) == 0) c.in[0].set(i, __builtin_nan(""));
  }
  onEveryTarget([&] {
    launch(backend("cpu"), c);
    EXPECT_TRUE(sameBits(c.out[0], ones.out[0]));
  });
}

}  // namespace
}  // namespace sluice::test
