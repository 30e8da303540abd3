// Convolutions against the reference in double.
#include <gtest/gtest.h>

#include <cstring>

#include "support/agreement.h"
#include "support/windows.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Convolution : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Convolution);

TEST_P(Convolution, FollowsTheReference) {
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

TEST_P(Convolution, DepthwiseFollowsTheReference) {
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

// More windows than a block, more of them than there are parts of the kernel's gradient; more than
// the emulated device gathers at once, in rows that end within a chunk.
TEST_P(Convolution, ManyWindows) {
  Random random(3);
  const WindowSpec line{"", oneAxis(5, 1, 1, Padding::Same), makeShape(3, 1000, 20)};
  const WindowSpec image{"", twoAxes({3, 3}, {1, 1}, {1, 1}, Padding::Same),
                         makeShape(2, 40, 30, 9)};
  for (const WindowSpec& spec : {line, image})
    for (const bool depthwise : {false, true}) {
      Case forward = convolutionCase(random, kReal, spec, depthwise ? 2 : 17, depthwise, true);
      forward.context.threads = 2;
      expectAsReference(device(), forward, 3e-6);
      Case backward = convolutionBackwardCase(random, forward);
      backward.context.threads = 2;
      Case want = inDouble(backward);
      launch(backend("reference"), want);
      launch(device(), backward);
      // Sums over thousands of windows are measured by their size.
      for (size_t i = 0; i < 3; ++i) EXPECT_LE(difference(backward.out[i], want.out[i]), 5e-6);
    }
}

// Rows long enough that a backend may take their windows as they overlap in memory.
TEST_P(Convolution, LongLines) {
  Random random(7);
  const auto [valid, same, causal] = std::array{Padding::Valid, Padding::Same, Padding::Causal};
  for (const int64_t channels : {1, 4, 9})
    for (const auto& [window, steps] : {std::pair{oneAxis(3, 1, 1, valid), 70},
                                        {oneAxis(4, 1, 1, same), 45},
                                        {oneAxis(3, 1, 1, causal), 40},
                                        {oneAxis(5, 2, 1, valid), 100},
                                        {oneAxis(3, 2, 1, same), 91},
                                        {oneAxis(2, 3, 1, valid), 131},
                                        {oneAxis(3, 3, 1, same), 100},
                                        {oneAxis(2, 2, 1, valid), 80},
                                        {oneAxis(2, 2, 1, valid), 81},
                                        {oneAxis(3, 1, 2, causal), 40}})
      for (const int64_t rows : {0, 1, 3}) {
        SCOPED_TRACE(testing::Message() << steps << " steps, " << channels << " channels");
        const WindowSpec spec{"", window, makeShape(rows, steps, channels)};
        const Case forward = convolutionCase(random, kReal, spec, 6, false, true);
        expectAgreement(forward, 3e-6);
        expectAgreement(convolutionBackwardCase(random, forward), 5e-6);
      }
}

TEST_P(Convolution, RoundsFactorsWhereItIsToldTo) {
  if (isCpu()) GTEST_SKIP() << "it computes in float32 alone";
  Random random(9);
  const WindowSpec line{"", oneAxis(3, 1, 1, Padding::Causal), makeShape(2, 50, 12)};
  const WindowSpec image{"", twoAxes({3, 3}, {1, 1}, {1, 1}, Padding::Same),
                         makeShape(2, 12, 10, 8)};
  for (const WindowSpec& spec : {line, image})
    for (const auto& [precision, bound] : {std::pair{Precision::TensorFloat32, 2e-3},
                                           {Precision::BFloat16, 2e-2},
                                           {Precision::Float16, 2e-3}}) {
      SCOPED_TRACE(precisionName(precision));
      Case forward = convolutionCase(random, kReal, spec, 20, false, true);
      Case backward = convolutionBackwardCase(random, forward);
      forward.context.precision = backward.context.precision = precision;
      EXPECT_GT(expectAsReference(device(), forward, bound), 1e-5);
      EXPECT_GT(expectAsReference(device(), backward, bound), 1e-5);
    }
}

TEST_P(Convolution, ThreadsDoNotMatter) {
  Random random(4);
  const WindowSpec line{"", oneAxis(5, 1, 2, Padding::Causal), makeShape(9, 300, 33)};
  const WindowSpec image{"", twoAxes({3, 3}, {2, 2}, {1, 1}, Padding::Same),
                         makeShape(5, 33, 31, 16)};
  const int64_t filters = isCpu() ? 300 : 40;  // there more than go into one part
  for (const WindowSpec& spec : {line, image})
    for (const bool depthwise : {false, true}) {
      const Case forward =
          convolutionCase(random, kReal, spec, depthwise ? 2 : filters, depthwise, true);
      expectNoThreadsEffect(forward);
      expectNoThreadsEffect(convolutionBackwardCase(random, forward));
    }
}

TEST_P(Convolution, RowsDoNotDependOnEachOther) {
  Random random(5);
  for (const auto& [isDepthwise, length] : {std::pair{false, 50}, {false, 20}, {true, 50}}) {
    const bool depthwise = isDepthwise;
    const int64_t steps = length;
    const WindowSpec spec{"", oneAxis(3, 1, 1, Padding::Same), makeShape(7, steps, 12)};
    const int64_t floats = steps * 12;
    const Case all = convolutionCase(random, kReal, spec, 5, depthwise, true);
    onEveryTarget([&] {
      Case together = all;
      launch(device(), together);
      for (int64_t row = 0; row < 7; ++row) {
        Case alone = all;
        alone.in[0] = Tensor(kReal, makeShape(1, steps, 12));
        std::memcpy(alone.in[0].data<float>(), all.in[0].data<float>() + row * floats,
                    static_cast<size_t>(floats) * sizeof(float));
        Shape shape = all.out[0].shape();
        shape[0] = 1;
        alone.out[0] = Tensor(kReal, shape);
        launch(device(), alone);
        const auto outputs = static_cast<size_t>(shape.elements());
        ASSERT_EQ(std::memcmp(alone.out[0].data<float>(),
                              together.out[0].data<float>() + static_cast<size_t>(row) * outputs,
                              outputs * sizeof(float)),
                  0);
      }
    });
  }
}

// Piece by piece, each with what the one before left: the bits of the whole sequence.
TEST_P(Convolution, PiecesHaveTheBitsOfTheSequence) {
  Random random(6);
  constexpr int64_t kRows = 3, kChannels = 10, kFilters = 19;
  for (const int64_t dilation : {1, 2})
    for (const auto& [length, whole] : {std::pair{1, 12}, {40, 80}}) {
      const int64_t piece = length, steps = whole;
      const WindowSpec spec{"", oneAxis(4, 1, dilation, Padding::Causal),
                            makeShape(kRows, steps, kChannels)};
      const Case all = convolutionCase(random, kReal, spec, kFilters, false, true);
      const Shape kept = makeShape(kRows, 3 * dilation * kChannels);
      // Element i of the piece from step `first` on, in the whole sequence.
      const auto at = [&](int64_t i, int64_t first, int64_t features) {
        const int64_t row = i / (piece * features);
        return (row * steps + first) * features + i % (piece * features);
      };
      onEveryTarget([&] {
        Case want = all;
        launch(device(), want);
        Tensor before = Tensor::filled(kReal, kept, 0);
        for (int64_t first = 0; first < steps; first += piece) {
          Case got = all;
          Tensor& x = got.in[convolution::kX];
          x = Tensor(kReal, makeShape(kRows, piece, kChannels));
          for (int64_t i = 0; i < x.size(); ++i)
            x.set(i, all.in[convolution::kX].get(at(i, first, kChannels)));
          got.in[convolution::kBefore] = before;
          got.out = {Tensor(kReal, makeShape(kRows, piece, kFilters)), Tensor(kReal, kept)};
          launch(device(), got);
          before = got.out[convolution::kAfter];
          for (int64_t i = 0; i < got.out[0].size(); ++i)
            ASSERT_EQ(got.out[0].get(i), want.out[0].get(at(i, first, kFilters)));
        }
      });
    }
}

}  // namespace
}  // namespace sluice::test
