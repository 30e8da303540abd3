// The CPU backend's convolutions against the reference in double.
#include <gtest/gtest.h>

#include <cstring>

#include "cpu/agreement.h"
#include "support/windows.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

TEST(CpuConvolution, FollowsTheReference) {
  Random random(1);
  for (const int64_t channels : {1, 5, 16, 33})
    for (const WindowSpec& spec : windowSpecs(channels))
      for (const int64_t filters : {1, 7, 48}) {
        SCOPED_TRACE(testing::Message() << spec.what << " " << channels << "->" << filters);
        const Case forward = convolutionCase(random, kReal, spec, filters, false, filters % 2 == 1);
        expectAgreement(forward, 3e-6);
        expectAgreement(convolutionBackwardCase(random, forward), 5e-6);
      }
}

TEST(CpuConvolution, DepthwiseFollowsTheReference) {
  Random random(2);
  for (const int64_t channels : {1, 5, 16, 67})
    for (const WindowSpec& spec : windowSpecs(channels))
      for (const int64_t multiplier : {1, 3}) {
        SCOPED_TRACE(testing::Message() << spec.what << " " << channels << "x" << multiplier);
        const Case forward =
            convolutionCase(random, kReal, spec, multiplier, true, multiplier == 1);
        expectAgreement(forward, 2e-6);
        expectAgreement(convolutionBackwardCase(random, forward), 5e-6);
      }
}

// More windows than a block, more of them than there are parts of the kernel's gradient.
TEST(CpuConvolution, ManyWindows) {
  Random random(3);
  const WindowSpec line{"", oneAxis(5, 1, 1, Padding::Same), makeShape(3, 1000, 20)};
  const WindowSpec image{"", twoAxes({3, 3}, {1, 1}, {1, 1}, Padding::Same),
                         makeShape(2, 40, 30, 9)};
  for (const WindowSpec& spec : {line, image})
    for (const bool depthwise : {false, true}) {
      Case forward = convolutionCase(random, kReal, spec, depthwise ? 2 : 17, depthwise, true);
      forward.context.threads = 2;
      expectAsReference(backend("cpu"), forward, 3e-6);
      Case backward = convolutionBackwardCase(random, forward);
      backward.context.threads = 2;
      Case want = inDouble(backward);
      launch(backend("reference"), want);
      launch(backend("cpu"), backward);
      // Sums over thousands of windows are measured by their size.
      for (size_t i = 0; i < 3; ++i) EXPECT_LE(difference(backward.out[i], want.out[i]), 5e-6);
    }
}

TEST(CpuConvolution, ThreadsDoNotMatter) {
  Random random(4);
  const WindowSpec line{"", oneAxis(5, 1, 2, Padding::Causal), makeShape(9, 300, 33)};
  const WindowSpec image{"", twoAxes({3, 3}, {2, 2}, {1, 1}, Padding::Same),
                         makeShape(5, 33, 31, 16)};
  for (const WindowSpec& spec : {line, image})
    for (const bool depthwise : {false, true}) {
      const Case forward =
          convolutionCase(random, kReal, spec, depthwise ? 2 : 300, depthwise, true);
      expectNoThreadsEffect(forward);
      expectNoThreadsEffect(convolutionBackwardCase(random, forward));
    }
}

TEST(CpuConvolution, RowsDoNotDependOnEachOther) {
  Random random(5);
  const WindowSpec spec{"", oneAxis(3, 1, 1, Padding::Same), makeShape(7, 50, 12)};
  for (const bool depthwise : {false, true}) {
    const Case all = convolutionCase(random, kReal, spec, 5, depthwise, true);
    onEveryTarget([&] {
      Case together = all;
      launch(backend("cpu"), together);
      for (int64_t row = 0; row < 7; ++row) {
        Case alone = all;
        alone.in[0] = Tensor(kReal, makeShape(1, 50, 12));
        std::memcpy(alone.in[0].data<float>(), all.in[0].data<float>() + row * 600,
                    600 * sizeof(float));
        Shape shape = all.out[0].shape();
        shape[0] = 1;
        alone.out[0] = Tensor(kReal, shape);
        launch(backend("cpu"), alone);
        const auto floats = static_cast<size_t>(shape.elements());
        ASSERT_EQ(std::memcmp(alone.out[0].data<float>(),
                              together.out[0].data<float>() + static_cast<size_t>(row) * floats,
                              floats * sizeof(float)),
                  0);
      }
    });
  }
}

// Step by step, each with what the one before left: the bits of the whole sequence.
TEST(CpuConvolution, StepsHaveTheBitsOfTheSequence) {
  Random random(6);
  for (const int64_t dilation : {1, 2}) {
    const WindowSpec spec{"", oneAxis(4, 1, dilation, Padding::Causal), makeShape(3, 12, 10)};
    const Case all = convolutionCase(random, kReal, spec, 19, false, true);
    const int64_t kept = 3 * dilation * 10;
    onEveryTarget([&] {
      Case whole = all;
      launch(backend("cpu"), whole);
      Tensor before = Tensor::filled(kReal, makeShape(3, kept), 0);
      for (int64_t t = 0; t < 12; ++t) {
        Case step = all;
        step.in[convolution::kX] = Tensor(kReal, makeShape(3, 1, 10));
        for (int64_t i = 0; i < 30; ++i)
          step.in[convolution::kX].set(i,
                                       all.in[convolution::kX].get(i / 10 * 120 + t * 10 + i % 10));
        step.in[convolution::kBefore] = before;
        step.out = {Tensor(kReal, makeShape(3, 1, 19)), Tensor(kReal, makeShape(3, kept))};
        launch(backend("cpu"), step);
        before = step.out[convolution::kAfter];
        for (int64_t i = 0; i < 57; ++i)
          ASSERT_EQ(step.out[0].get(i), whole.out[0].get(i / 19 * 228 + t * 19 + i % 19));
      }
    });
  }
}

}  // namespace
}  // namespace sluice::test
