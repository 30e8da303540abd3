// Pooling against the reference in double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/agreement.h"
#include "support/windows.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Pooling : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Pooling);

TEST_P(Pooling, FollowsTheReference) {
  Random random(1);
  for (const PoolingMode mode : {PoolingMode::Max, PoolingMode::Average})
    for (const int64_t channels : {1, 5, 16, 37}) {
      std::vector<WindowSpec> specs = windowSpecs(channels);
      specs.push_back({"whole", wholeWindow(1), makeShape(3, 40, channels)});
      specs.push_back({"whole, no steps", wholeWindow(1), makeShape(3, 0, channels)});
      specs.push_back({"whole, long", wholeWindow(1), makeShape(2, 1100, channels)});
      specs.push_back({"long", oneAxis(70, 30, 1, Padding::Same), makeShape(2, 150, channels)});
      specs.push_back({"whole image", wholeWindow(2), makeShape(2, 9, 7, channels)});
      for (const WindowSpec& spec : specs)
        for (const bool masked : {false, true}) {
          SCOPED_TRACE(testing::Message() << spec.what << " " << channels);
          const PoolingAttributes attributes{spec.window, mode};
          Case forward = poolingCase(random, kReal, attributes, spec.x, masked);
          // Equal values, so that which of them is the first one matters.
          for (int64_t i = 0; i < forward.in[0].size(); i += 3) forward.in[0].set(i, 0.75);
          expectAgreement(forward, 1e-6);
          launch(device(), forward);
          expectAgreement(poolingBackwardCase(random, attributes, forward), 1e-6);
        }
    }
}

TEST_P(Pooling, NaNWinsUnlessItIsMasked) {
  Random random(2);
  for (const int64_t size : {2, 70})
    for (const bool masked : {false, true}) {
      const PoolingAttributes attributes{oneAxis(size, 1, 1, Padding::Same), PoolingMode::Max};
      Case c = poolingCase(random, kReal, attributes, makeShape(1, 6, 19), masked);
      for (int64_t i = 0; i < 19; ++i)
        c.in[0].set(2 * 19 + i, std::numeric_limits<double>::quiet_NaN());
      if (masked)
        c.in[pooling::kMask] = Tensor::of(DType::Bool, makeShape(1, 6), {1, 1, 0, 1, 1, 1});
      expectAgreement(c, 0);
      launch(device(), c);
      EXPECT_EQ(std::isnan(c.out[0].get(19)), !masked);
      expectAgreement(poolingBackwardCase(random, attributes, c), 1e-6);
    }
}

TEST_P(Pooling, ThreadsDoNotMatter) {
  Random random(3);
  for (const PoolingMode mode : {PoolingMode::Max, PoolingMode::Average})
    for (const WindowSpec& spec :
         {WindowSpec{"", oneAxis(3, 2, 1, Padding::Same), makeShape(9, 400, 33)},
          WindowSpec{"", twoAxes({3, 3}, {2, 2}, {1, 1}, Padding::Same), makeShape(7, 33, 31, 16)},
          WindowSpec{"", wholeWindow(1), makeShape(50, 100, 16)}}) {
      const PoolingAttributes attributes{spec.window, mode};
      Case forward = poolingCase(random, kReal, attributes, spec.x, true);
      expectNoThreadsEffect(forward);
      launch(device(), forward);
      expectNoThreadsEffect(poolingBackwardCase(random, attributes, forward));
    }
}

}  // namespace
}  // namespace sluice::test
