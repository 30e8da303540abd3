#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/windows.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> pooled(const PoolingAttributes& attributes, const Tensor& x,
                           const Tensor& mask) {
  Case c{Op::Pooling,
         &attributes,
         {x, mask},
         {Tensor(kReal, windowShape(attributes.window, x.shape(), x.shape().last()))}};
  launch(backend("reference"), c);
  return c.out[0].values();
}

TEST(ReferencePooling, PaddingDoesNotCount) {
  const PoolingAttributes max{oneAxis(3, 1, 1, Padding::Same), PoolingMode::Max};
  const PoolingAttributes mean{oneAxis(3, 1, 1, Padding::Same), PoolingMode::Average};
  const Tensor x = Tensor::of(kReal, makeShape(1, 3, 1), {-1, -2, -6});
  EXPECT_EQ(pooled(max, x, {}), (std::vector<double>{-1, -1, -2}));
  EXPECT_EQ(pooled(mean, x, {}), (std::vector<double>{-1.5, -3, -4}));
}

TEST(ReferencePooling, MaskedStepsDoNotCount) {
  const Tensor x = Tensor::of(kReal, makeShape(2, 3, 1), {-1, kNaN, -5, 7, kNaN, kNaN});
  const Tensor mask = Tensor::of(DType::Bool, makeShape(2, 3), {1, 0, 1, 0, 0, 0});
  const PoolingAttributes max{wholeWindow(1), PoolingMode::Max};
  const PoolingAttributes mean{wholeWindow(1), PoolingMode::Average};
  EXPECT_EQ(pooled(max, x, mask), (std::vector<double>{-1, 0}));
  EXPECT_EQ(pooled(mean, x, mask), (std::vector<double>{-3, 0}));
}

TEST(ReferencePooling, NaNIsTheLargest) {
  const PoolingAttributes max{oneAxis(3, 1, 1, Padding::Valid), PoolingMode::Max};
  for (const std::initializer_list<double> values :
       {std::initializer_list<double>{kNaN, 1, 2}, {1, kNaN, 2}, {1, 2, kNaN}})
    EXPECT_TRUE(std::isnan(pooled(max, Tensor::of(kReal, makeShape(1, 3, 1), values), {})[0]));
}

TEST(ReferencePooling, TheFirstOfEqualValuesHasTheGradient) {
  const PoolingAttributes max{oneAxis(3, 1, 1, Padding::Valid), PoolingMode::Max};
  Case c{Op::PoolingBackward,
         &max,
         {Tensor::of(kReal, makeShape(1, 4, 1), {2, 5, 5, 5}), Tensor(),
          Tensor::of(kReal, makeShape(1, 2, 1), {5, 5}),
          Tensor::of(kReal, makeShape(1, 2, 1), {1, 10})},
         {Tensor(kReal, makeShape(1, 4, 1))}};
  launch(backend("reference"), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{0, 11, 0, 0}));
}

TEST(ReferencePooling, Derivatives) {
  Random random(5);
  for (const PoolingMode mode : {PoolingMode::Max, PoolingMode::Average})
    for (const bool masked : {false, true}) {
      std::vector<WindowSpec> specs = windowSpecs(2);
      specs.push_back({"whole", wholeWindow(1), makeShape(3, 4, 2)});
      specs.push_back({"whole image", wholeWindow(2), makeShape(2, 3, 4, 2)});
      for (const WindowSpec& spec : specs) {
        SCOPED_TRACE(spec.what);
        const PoolingAttributes attributes{spec.window, mode};
        Case forward = poolingCase(random, kReal, attributes, spec.x, masked);
        launch(backend("reference"), forward);
        Case backward = poolingBackwardCase(random, attributes, forward);
        launch(backend("reference"), backward);
        const auto objective = [&] {
          launch(backend("reference"), forward);
          return inner(forward.out[0], backward.in[poolingBackward::kDy]);
        };
        expectDerivative(forward.in[0], backward.out[0], objective, "pooling");
      }
    }
}

}  // namespace
}  // namespace sluice::test
