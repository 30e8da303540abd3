#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/optimizer.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;
const Backend& reference() { return backend("reference"); }

// Parameters w and gradients g, one segment, two steps with the same gradient.
struct Two {
  double first, second;
};
Two twoSteps(OptimizerAttributes attributes, double w, double g) {
  const ParameterSegment segment{0, 1, 1};
  attributes.segments = &segment;
  attributes.segmentCount = 1;
  Case c = optimizeCase(attributes, Tensor::of(kReal, makeShape(1), {w}),
                        Tensor::of(kReal, makeShape(1), {g}));
  c.attributes = &attributes;
  launch(reference(), c);
  const double first = c.out[optimize::kUpdated].get(0);
  c.in[optimize::kParameters] = c.out[optimize::kUpdated];
  attributes.iteration = 2;
  launch(reference(), c);
  return {first, c.out[optimize::kUpdated].get(0)};
}

TEST(ReferenceOptimizer, Sgd) {
  Two r = twoSteps({.kind = OptimizerKind::Sgd, .learningRate = 0.1}, 1, 0.5);
  EXPECT_DOUBLE_EQ(r.first, 0.95);
  EXPECT_DOUBLE_EQ(r.second, 0.9);
  r = twoSteps({.kind = OptimizerKind::Sgd, .learningRate = 0.1, .momentum = 0.9}, 1, 0.5);
  EXPECT_DOUBLE_EQ(r.first, 0.95);           // v = -0.05
  EXPECT_DOUBLE_EQ(r.second, 0.95 - 0.095);  // v = -0.045 - 0.05
  r = twoSteps({.kind = OptimizerKind::Sgd, .learningRate = 0.1, .momentum = 0.9, .nesterov = 1}, 1,
               0.5);
  EXPECT_DOUBLE_EQ(r.first, 1 - 0.045 - 0.05);  // w += 0.9 v - 0.05
  EXPECT_DOUBLE_EQ(r.second, r.first - 0.9 * 0.095 - 0.05);
}

TEST(ReferenceOptimizer, Rmsprop) {
  const double s1 = 0.1 * 0.25, s2 = 0.9 * s1 + s1;
  OptimizerAttributes a{
      .kind = OptimizerKind::Rmsprop, .learningRate = 0.1, .rho = 0.9, .epsilon = 0.01};
  Two r = twoSteps(a, 1, 0.5);
  EXPECT_DOUBLE_EQ(r.first, 1 - 0.05 / std::sqrt(s1 + 0.01));
  EXPECT_DOUBLE_EQ(r.second, r.first - 0.05 / std::sqrt(s2 + 0.01));
  a.torchForm = 1;
  r = twoSteps(a, 1, 0.5);
  EXPECT_DOUBLE_EQ(r.first, 1 - 0.05 / (std::sqrt(s1) + 0.01));
  EXPECT_DOUBLE_EQ(r.second, r.first - 0.05 / (std::sqrt(s2) + 0.01));
  a.torchForm = 0;
  a.momentum = 0.5;
  r = twoSteps(a, 1, 0.5);
  const double u1 = 0.05 / std::sqrt(s1 + 0.01), u2 = 0.5 * u1 + 0.05 / std::sqrt(s2 + 0.01);
  EXPECT_DOUBLE_EQ(r.first, 1 - u1);
  EXPECT_DOUBLE_EQ(r.second, 1 - u1 - u2);
}

TEST(ReferenceOptimizer, Adam) {
  OptimizerAttributes a{.kind = OptimizerKind::Adam,
                        .learningRate = 0.1,
                        .beta1 = 0.9,
                        .beta2 = 0.99,
                        .epsilon = 0.01};
  const double m1 = 0.05, v1 = 0.01 * 0.25, m2 = 0.9 * m1 + 0.05, v2 = 0.99 * v1 + 0.01 * 0.25;
  Two r = twoSteps(a, 1, 0.5);
  EXPECT_NEAR(r.first, 1 - 0.1 * std::sqrt(0.01) / 0.1 * m1 / (std::sqrt(v1) + 0.01), 1e-14);
  EXPECT_NEAR(r.second,
              r.first - 0.1 * std::sqrt(1 - 0.99 * 0.99) / (1 - 0.81) * m2 / (std::sqrt(v2) + 0.01),
              1e-14);
  a.torchForm = 1;  // both corrected moments are those of a constant gradient
  r = twoSteps(a, 1, 0.5);
  EXPECT_NEAR(r.first, 1 - 0.1 * 0.5 / (0.5 + 0.01), 1e-14);
  EXPECT_NEAR(r.second, r.first - 0.1 * 0.5 / (0.5 + 0.01), 1e-14);
  a.kind = OptimizerKind::AdamW;
  a.weightDecay = 0.2;
  r = twoSteps(a, 1, 0.5);
  EXPECT_NEAR(r.first, 1 - 0.1 * 0.2 - 0.1 * 0.5 / 0.51, 1e-14);
}

// Gradients 3, 4 (norm 5) and 0, 12 (norm 12; together 13), one frozen segment between them.
TEST(ReferenceOptimizer, Clipping) {
  const ParameterSegment segments[] = {{0, 2, 1}, {2, 1, 0}, {3, 2, 1}};
  const Tensor w = Tensor::filled(kReal, makeShape(5), 0);
  Tensor g = Tensor::of(kReal, makeShape(5), {3, 4, 0, 0, 12});
  g.set(2, std::numeric_limits<double>::quiet_NaN());  // nobody may look at it
  OptimizerAttributes a{
      .kind = OptimizerKind::Sgd, .learningRate = 1, .segments = segments, .segmentCount = 3};
  const auto step = [&] {
    Case c = optimizeCase(a, w, g);
    launch(reference(), c);
    return c.out[optimize::kUpdated];
  };
  const auto expect = [&](std::initializer_list<double> want) {
    EXPECT_LE(difference(step(), Tensor::of(kReal, makeShape(5), want)), 1e-15);
  };
  expect({-3, -4, 0, 0, -12});
  a.clipValue = 3.5;
  expect({-3, -3.5, 0, 0, -3.5});
  a.clipValue = 0;
  a.clipVariableNorm = 5;
  expect({-3, -4, 0, 0, -5});
  a.clipVariableNorm = 0;
  a.clipNorm = 13;
  expect({-3, -4, 0, 0, -12});
  a.clipNorm = 1.3;
  expect({-0.3, -0.4, 0, 0, -1.2});
  a.clipVariableNorm = 5;  // then the norm of both is sqrt(50)
  a.clipNorm = std::sqrt(0.5);
  expect({-0.3, -0.4, 0, 0, -0.5});
}

TEST(ReferenceOptimizer, NotFiniteGradientsAreNotHidden) {
  const ParameterSegment segment{0, 2, 1};
  OptimizerAttributes a{.kind = OptimizerKind::Sgd,
                        .clipNorm = 1,
                        .clipValue = 0,
                        .segments = &segment,
                        .segmentCount = 1};
  Case c =
      optimizeCase(a, Tensor::filled(kReal, makeShape(2), 1),
                   Tensor::of(kReal, makeShape(2), {1, std::numeric_limits<double>::quiet_NaN()}));
  launch(reference(), c);
  EXPECT_TRUE(std::isnan(c.out[0].get(0)));
  EXPECT_TRUE(std::isnan(c.out[0].get(1)));
}

TEST(ReferenceOptimizer, FrozenSegmentsAreCopiedAndTheirSlotsKept) {
  const ParameterSegment segments[] = {{0, 1, 0}, {1, 1, 1}};
  OptimizerAttributes a{
      .kind = OptimizerKind::AdamW, .weightDecay = 0.1, .segments = segments, .segmentCount = 2};
  Case c = optimizeCase(a, Tensor::of(kReal, makeShape(2), {2, 3}),
                        Tensor::filled(kReal, makeShape(2), 1));
  launch(reference(), c);
  EXPECT_EQ(c.out[optimize::kUpdated].get(0), 2);
  EXPECT_EQ(c.out[optimize::kSlot0].get(0), 0);
  EXPECT_NE(c.out[optimize::kUpdated].get(1), 3);
}

}  // namespace
}  // namespace sluice::test
