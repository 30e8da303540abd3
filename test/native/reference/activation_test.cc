#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/launch.h"

namespace sluice::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const ActivationSpec kAll[] = {{ActivationKind::Linear, 0, 0},
                               {ActivationKind::Tanh, 0, 0},
                               {ActivationKind::Sigmoid, 0, 0},
                               {ActivationKind::Relu, 0, 0},
                               {ActivationKind::Softsign, 0, 0},
                               {ActivationKind::Softplus, 0, 0},
                               {ActivationKind::Elu, 1.3, 0},
                               {ActivationKind::LeakyRelu, 0.2, 0},
                               {ActivationKind::HardSigmoid, 1.0 / 6, 0.5}};

double value(const ActivationSpec& spec, double x) {
  Case c{Op::Activation,
         &spec,
         {Tensor::of(DType::Float64, makeShape(1), {x})},
         {Tensor(DType::Float64, makeShape(1))}};
  launch(backend("reference"), c);
  return c.out[0].get(0);
}

TEST(ReferenceActivation, KnownValues) {
  EXPECT_DOUBLE_EQ(value({ActivationKind::Linear}, -3), -3);
  EXPECT_DOUBLE_EQ(value({ActivationKind::Tanh}, 0.5), 0.46211715726000975);
  EXPECT_DOUBLE_EQ(value({ActivationKind::Sigmoid}, 2), 0.8807970779778823);
  EXPECT_DOUBLE_EQ(value({ActivationKind::Relu}, -2), 0);
  EXPECT_DOUBLE_EQ(value({ActivationKind::Softsign}, -3), -0.75);
  EXPECT_DOUBLE_EQ(value({ActivationKind::Softplus}, 0), std::log(2));
  EXPECT_DOUBLE_EQ(value({ActivationKind::Elu, 2}, -1), 2 * std::expm1(-1));
  EXPECT_DOUBLE_EQ(value({ActivationKind::LeakyRelu, 0.3}, -2), -0.6);
  EXPECT_DOUBLE_EQ(value({ActivationKind::HardSigmoid, 0.2, 0.5}, 1), 0.7);
  EXPECT_DOUBLE_EQ(value({ActivationKind::HardSigmoid, 0.2, 0.5}, 9), 1);
  EXPECT_DOUBLE_EQ(value({ActivationKind::HardSigmoid, 0.2, 0.5}, -9), 0);
}

TEST(ReferenceActivation, LimitsAndNaN) {
  for (const double x : {800.0, kInf}) {
    EXPECT_EQ(value({ActivationKind::Sigmoid}, x), 1);
    EXPECT_EQ(value({ActivationKind::Sigmoid}, -x), 0);
    EXPECT_EQ(value({ActivationKind::Tanh}, x), 1);
    EXPECT_EQ(value({ActivationKind::Tanh}, -x), -1);
    EXPECT_EQ(value({ActivationKind::Softplus}, x), x);
    EXPECT_EQ(value({ActivationKind::Softplus}, -x), 0);
  }
  EXPECT_EQ(value({ActivationKind::Softsign}, kInf), 1);
  EXPECT_EQ(value({ActivationKind::Elu, 1}, -kInf), -1);
  for (const ActivationSpec& spec : kAll) EXPECT_TRUE(std::isnan(value(spec, kNaN)));
}

TEST(ReferenceActivation, Derivatives) {
  Random random(1);
  for (const ActivationSpec& spec : kAll) {
    SCOPED_TRACE(static_cast<int>(spec.kind));
    const Shape shape = makeShape(4, 7);
    Case forward{Op::Activation,
                 &spec,
                 {random.tensor(DType::Float64, shape, -4, 4)},
                 {Tensor(DType::Float64, shape)}};
    const Tensor dy = random.tensor(DType::Float64, shape);
    launch(backend("reference"), forward);
    Case backward{
        Op::ActivationBackward, &spec, {forward.out[0], dy}, {Tensor(DType::Float64, shape)}};
    launch(backend("reference"), backward);
    const auto objective = [&] {
      launch(backend("reference"), forward);
      return inner(forward.out[0], dy);
    };
    expectDerivative(forward.in[0], backward.out[0], objective, "dx");
  }
}

}  // namespace
}  // namespace sluice::test
