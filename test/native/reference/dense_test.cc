#include <gtest/gtest.h>

#include "support/launch.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;

TEST(ReferenceDense, KnownValues) {
  Case c{Op::Dense,
         nullptr,
         {Tensor::of(kReal, makeShape(2, 2), {1, 2, 3, 4}),
          Tensor::of(kReal, makeShape(2, 3), {1, 0, -1, 2, 1, 0}),
          Tensor::of(kReal, makeShape(3), {10, 20, 30})},
         {Tensor(kReal, makeShape(2, 3))}};
  launch(backend("reference"), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{15, 22, 29, 21, 24, 27}));
}

TEST(ReferenceDense, Derivatives) {
  Random random(2);
  for (const bool bias : {false, true}) {
    for (const Shape& lead : {makeShape(3), makeShape(2, 3), makeShape(0, 3)}) {
      Shape in = lead, out = lead;
      in[in.rank++] = 4;
      out[out.rank++] = 2;
      Case forward{Op::Dense,
                   nullptr,
                   {random.tensor(kReal, in), random.tensor(kReal, makeShape(4, 2)),
                    bias ? random.tensor(kReal, makeShape(2)) : Tensor()},
                   {Tensor(kReal, out)}};
      const Tensor dy = random.tensor(kReal, out);
      Case backward{Op::DenseBackward,
                    nullptr,
                    {forward.in[dense::kX], forward.in[dense::kKernel], dy},
                    {Tensor(kReal, in), Tensor(kReal, makeShape(4, 2)),
                     bias ? Tensor(kReal, makeShape(2)) : Tensor()}};
      launch(backend("reference"), backward);
      const auto objective = [&] {
        launch(backend("reference"), forward);
        return inner(forward.out[0], dy);
      };
      for (const int i : {dense::kX, dense::kKernel, dense::kBias}) {
        if (!forward.in[static_cast<size_t>(i)].present()) continue;
        expectDerivative(forward.in[static_cast<size_t>(i)], backward.out[static_cast<size_t>(i)],
                         objective, "dense");
      }
      // Any gradient may be left out without touching the others.
      for (size_t skipped = 0; skipped < 3; ++skipped) {
        Case part = backward;
        part.out[skipped] = Tensor();
        launch(backend("reference"), part);
        for (size_t i = 0; i < 3; ++i) {
          if (i == skipped) continue;
          EXPECT_TRUE(sameBits(part.out[i], backward.out[i]));
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::test
