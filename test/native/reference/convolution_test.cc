#include <gtest/gtest.h>

#include "support/windows.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;

TEST(ReferenceConvolution, KnownValues) {
  // Two channels, one filter, windows of two steps: x[t] - x[t+1] in the first channel alone.
  const WindowAttributes window = oneAxis(2, 1, 1, Padding::Valid);
  Case c{Op::Convolution,
         &window,
         {Tensor::of(kReal, makeShape(1, 4, 2), {1, 9, 3, 9, 2, 9, 7, 9}),
          Tensor::of(kReal, makeShape(2, 2, 1), {1, 0, -1, 0}),
          Tensor::of(kReal, makeShape(1), {10}), Tensor()},
         {Tensor(kReal, makeShape(1, 3, 1)), Tensor()}};
  launch(backend("reference"), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{8, 11, 5}));
}

// Each padding on five positions, windows of four, a kernel of ones: what is summed tells where the
// windows lie.
TEST(ReferenceConvolution, Padding) {
  const auto sums = [](int64_t stride, Padding padding) {
    const WindowAttributes window = oneAxis(4, stride, 1, padding);
    const Shape x = makeShape(1, 5, 1);
    Case c{Op::Convolution,
           &window,
           {Tensor::of(kReal, x, {1, 10, 100, 1000, 10000}),
            Tensor::filled(kReal, makeShape(4, 1, 1), 1), Tensor(), Tensor()},
           {Tensor(kReal, windowShape(window, x, 1)), Tensor()}};
    launch(backend("reference"), c);
    return c.out[0].values();
  };
  EXPECT_EQ(sums(1, Padding::Valid), (std::vector<double>{1111, 11110}));
  EXPECT_EQ(sums(1, Padding::Same), (std::vector<double>{111, 1111, 11110, 11100, 11000}));
  EXPECT_EQ(sums(1, Padding::Causal), (std::vector<double>{1, 11, 111, 1111, 11110}));
  EXPECT_EQ(sums(2, Padding::Valid), (std::vector<double>{1111}));
  EXPECT_EQ(sums(2, Padding::Same), (std::vector<double>{111, 11110, 11000}));
  EXPECT_EQ(sums(2, Padding::Causal), (std::vector<double>{1, 111, 11110}));
}

TEST(ReferenceConvolution, DepthwiseKeepsChannelsApart) {
  const WindowAttributes window = oneAxis(2, 1, 1, Padding::Valid);
  Case c{Op::DepthwiseConvolution,
         &window,
         {Tensor::of(kReal, makeShape(1, 2, 2), {1, 2, 3, 4}),
          Tensor::of(kReal, makeShape(2, 2, 2), {1, 10, 100, 1000, 2, 20, 200, 2000}), Tensor()},
         {Tensor(kReal, makeShape(1, 1, 4))}};
  launch(backend("reference"), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{7, 70, 1000, 10000}));
}

TEST(ReferenceConvolution, Derivatives) {
  Random random(3);
  for (const bool depthwise : {false, true}) {
    for (const WindowSpec& spec : windowSpecs(2)) {
      SCOPED_TRACE(spec.what);
      Case forward = convolutionCase(random, kReal, spec, 3, depthwise, true);
      Case backward = convolutionBackwardCase(random, forward);
      launch(backend("reference"), backward);
      const auto objective = [&] {
        launch(backend("reference"), forward);
        return inner(forward.out[0], backward.in[convolutionBackward::kDy]);
      };
      for (size_t i = 0; i < 3; ++i)
        expectDerivative(forward.in[i], backward.out[i], objective, "convolution");
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

// Pieces of a sequence, each with what the one before left, are the sequence.
TEST(ReferenceConvolution, GoesOnWhereItStopped) {
  Random random(4);
  for (const int64_t dilation : {1, 3}) {
    const WindowAttributes window = oneAxis(3, 1, dilation, Padding::Causal);
    const WindowSpec spec{"", window, makeShape(2, 9, 2)};
    Case whole = convolutionCase(random, kReal, spec, 4, false, true);
    launch(backend("reference"), whole);
    const int64_t kept = 2 * dilation * 2;
    Tensor before = Tensor::filled(kReal, makeShape(2, kept), 0);
    for (int64_t first = 0, steps = 1; first < 9; first += steps, ++steps) {
      const int64_t count = std::min(steps, 9 - first);
      Case piece = whole;
      piece.in[convolution::kX] = Tensor(kReal, makeShape(2, count, 2));
      for (int64_t b = 0; b < 2; ++b)
        for (int64_t i = 0; i < count * 2; ++i)
          piece.in[convolution::kX].set(b * count * 2 + i,
                                        whole.in[convolution::kX].get(b * 18 + first * 2 + i));
      piece.in[convolution::kBefore] = before;
      piece.out = {Tensor(kReal, makeShape(2, count, 4)), Tensor(kReal, makeShape(2, kept))};
      launch(backend("reference"), piece);
      before = piece.out[convolution::kAfter];
      for (int64_t b = 0; b < 2; ++b)
        for (int64_t i = 0; i < count * 4; ++i)
          EXPECT_EQ(piece.out[0].get(b * count * 4 + i), whole.out[0].get(b * 36 + first * 4 + i));
    }
  }
}

}  // namespace
}  // namespace sluice::test
