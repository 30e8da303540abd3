// The vector functions of math-inl.h against double precision, over all exponents, on every target.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/math_test.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Function = hn::Vec<hn::ScalableTag<float>> (*)(hn::ScalableTag<float>,
                                                     hn::Vec<hn::ScalableTag<float>>);

template <class Of>
void Map(const float* x, float* y, size_t n, const Of& of) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < n; i += lanes) hn::StoreU(of(d, hn::LoadU(d, x + i)), d, y + i);
}
void MapExp(const float* x, float* y, size_t n) {
  Map(x, y, n, [](auto d, auto v) HWY_ATTR { return Exp(d, v); });
}
void MapActivation(const ActivationSpec& spec, const float* x, float* y, size_t n) {
  WithAnyActivation(hn::ScalableTag<float>(), spec, [&](const auto& activation) HWY_ATTR {
    Map(x, y, n, [&](auto, auto v) HWY_ATTR { return activation.of(v); });
  });
}
void MapSlope(const ActivationSpec& spec, const float* x, float* y, size_t n) {
  WithAnyActivation(hn::ScalableTag<float>(), spec, [&](const auto& activation) HWY_ATTR {
    Map(x, y, n, [&](auto, auto v) HWY_ATTR { return activation.slope(v); });
  });
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "cpu/targets.h"

namespace sluice::cpu {
HWY_EXPORT(MapExp);
HWY_EXPORT(MapActivation);
HWY_EXPORT(MapSlope);
namespace {

using Kind = ActivationKind;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Every sign and exponent with a few thousand mantissas each, the neighbourhoods of the constants
// at which the functions change their form included. A multiple of every vector's length.
std::vector<float> sweep() {
  std::vector<float> values;
  for (uint32_t high = 0; high < 512; ++high) {
    if ((high & 255) == 255) continue;  // infinities and NaN
    for (uint32_t m = 0; m < 4096; ++m)
      values.push_back(std::bit_cast<float>(high << 23 | (m * 2053 & 0x7FFFFF)));
  }
  for (double center : {0.0, 0.34657359, 0.41421356, 0.6931472, 9.0, 15.0, 60 * 0.6931472, 87.0,
                        87.34, 88.38, 88.72}) {
    for (int i = -2048; i < 2048; ++i) {
      const float at = static_cast<float>(center);
      values.push_back(std::bit_cast<float>(std::bit_cast<uint32_t>(at) +
                                            static_cast<uint32_t>(at == 0 ? i + 2048 : i)));
      values.push_back(-values.back());
    }
  }
  values.resize(values.size() / 64 * 64);
  return values;
}

double ulps(float got, double want) {
  const double magnitude = std::max(std::abs(want), 0x1p-126);
  return std::abs(got - want) / std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

double wantedActivation(const ActivationSpec& spec, double x) {
  switch (spec.kind) {
    case Kind::Linear:
      return x;
    case Kind::Tanh:
      return std::tanh(x);
    case Kind::Sigmoid:
      return 1 / (1 + std::exp(-x));
    case Kind::Relu:
      return std::max(x, 0.0);
    case Kind::Softsign:
      return x / (1 + std::abs(x));
    case Kind::Softplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    case Kind::Elu:
      return x > 0 ? x : spec.alpha * std::expm1(x);
    case Kind::LeakyRelu:
      return x > 0 ? x : spec.alpha * x;
    case Kind::HardSigmoid:
      return std::min(1.0, std::max(0.0, spec.alpha * x + spec.beta));
    case Kind::Exponential:
      return std::exp(x);
    case Kind::Selu:
      return kSeluScale * (x > 0 ? x : kSeluAlpha * std::expm1(x));
    case Kind::Silu:
      return x / (1 + std::exp(-x));
    case Kind::Gelu:
      return x * std::erfc(-x * std::sqrt(0.5)) / 2;
  }
  return 0;
}

// Of y, or of x where needsInput.
double wantedSlope(const ActivationSpec& spec, double y) {
  switch (spec.kind) {
    case Kind::Linear:
      return 1;
    case Kind::Tanh:
      return 1 - y * y;
    case Kind::Sigmoid:
      return y * (1 - y);
    case Kind::Relu:
      return y > 0;
    case Kind::Softsign:
      return (1 - std::abs(y)) * (1 - std::abs(y));
    case Kind::Softplus:
      return -std::expm1(-y);
    case Kind::Elu:
      return y > 0 ? 1 : y + spec.alpha;
    case Kind::LeakyRelu:
      return y > 0 ? 1 : spec.alpha;
    case Kind::HardSigmoid:
      return y > 0 && y < 1 ? spec.alpha : 0;
    case Kind::Exponential:
      return y;
    case Kind::Selu:
      return y > 0 ? kSeluScale : y + kSeluScale * kSeluAlpha;
    case Kind::Silu: {
      const double s = 1 / (1 + std::exp(-y));
      return s + y * s * (1 - s);
    }
    case Kind::Gelu:
      return std::erfc(-y * std::sqrt(0.5)) / 2 + y * std::exp(-y * y / 2) * 0.3989422804014327;
  }
  return 0;
}

const ActivationSpec kSpecs[] = {{Kind::Linear},
                                 {Kind::Tanh},
                                 {Kind::Sigmoid},
                                 {Kind::Relu},
                                 {Kind::Softsign},
                                 {Kind::Softplus},
                                 {Kind::Elu, 1.0},
                                 {Kind::LeakyRelu, 0.25},
                                 {Kind::HardSigmoid, 0.25, 0.5},
                                 {Kind::Selu},
                                 {Kind::Silu}};

TEST(CpuMath, ExpIsAccurateWhereItsResultIsNormal) {
  const std::vector<float> x = sweep();
  std::vector<float> y(x.size());
  test::onEveryTarget([&] {
    HWY_DYNAMIC_DISPATCH(MapExp)(x.data(), y.data(), x.size());
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp(static_cast<double>(x[i]));
      if (want > 3.4028234663852886e38)
        ASSERT_EQ(y[i], kInfinity) << x[i];
      else if (want < 0x1p-126)
        ASSERT_NEAR(y[i], want, 0x1p-148) << x[i];
      else
        worst = std::max(worst, ulps(y[i], want));
    }
    EXPECT_LE(worst, 2);
  });
}

TEST(CpuMath, SigmoidIsAccurate) {
  const std::vector<float> x = sweep();
  std::vector<float> y(x.size());
  test::onEveryTarget([&] {
    HWY_DYNAMIC_DISPATCH(MapActivation)({Kind::Sigmoid}, x.data(), y.data(), x.size());
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = 1 / (1 + std::exp(-static_cast<double>(x[i])));
      if (want >= 0x1p-60)
        worst = std::max(worst, ulps(y[i], want));
      else
        ASSERT_NEAR(y[i], want, 1e-18) << x[i];
    }
    EXPECT_LE(worst, 4);
  });
}

TEST(CpuMath, TanhIsAccurate) {
  const std::vector<float> x = sweep();
  std::vector<float> y(x.size());
  test::onEveryTarget([&] {
    HWY_DYNAMIC_DISPATCH(MapActivation)({Kind::Tanh}, x.data(), y.data(), x.size());
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, ulps(y[i], std::tanh(static_cast<double>(x[i]))));
    EXPECT_LE(worst, 2);
  });
}

TEST(CpuMath, EveryActivationFollowsItsFormula) {
  const std::vector<float> x = sweep();
  std::vector<float> y(x.size());
  test::onEveryTarget([&] {
    for (const ActivationSpec& spec : kSpecs) {
      HWY_DYNAMIC_DISPATCH(MapActivation)(spec, x.data(), y.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = wantedActivation(spec, x[i]);
        if (want > std::numeric_limits<float>::max()) continue;  // selu of the largest numbers
        ASSERT_NEAR(y[i], want, 5e-7 * std::max(std::abs(want), 1e-6))
            << x[i] << " kind " << static_cast<int>(spec.kind);
      }
    }
  });
}

TEST(CpuMath, EverySlopeFollowsItsFormula) {
  std::vector<float> y;
  for (int i = -4096; i <= 4096; ++i) y.push_back(static_cast<float>(i) / 4096);
  y.resize(y.size() / 64 * 64);
  std::vector<float> slope(y.size());
  test::onEveryTarget([&] {
    for (const ActivationSpec& spec : kSpecs) {
      HWY_DYNAMIC_DISPATCH(MapSlope)(spec, y.data(), slope.data(), y.size());
      for (size_t i = 0; i < y.size(); ++i) {
        if (spec.kind == Kind::Softplus && y[i] < 0) continue;  // never an output
        ASSERT_NEAR(slope[i], wantedSlope(spec, y[i]), 2e-7)
            << y[i] << " kind " << static_cast<int>(spec.kind);
      }
    }
  });
}

TEST(CpuMath, GeluIsAccurate) {
  const std::vector<float> x = sweep();
  std::vector<float> y(x.size());
  test::onEveryTarget([&] {
    HWY_DYNAMIC_DISPATCH(MapActivation)({Kind::Gelu}, x.data(), y.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = wantedActivation({Kind::Gelu}, x[i]);
      ASSERT_NEAR(y[i], want, 3e-7 * std::max(1.0, std::abs(want))) << x[i];
    }
  });
}

TEST(CpuMath, SlopesOfInputsFollowTheirFormulas) {
  std::vector<float> x;
  for (int i = -4096; i <= 4096; ++i) x.push_back(static_cast<float>(i) / 256);
  x.resize(x.size() / 64 * 64);
  std::vector<float> slope(x.size());
  test::onEveryTarget([&] {
    for (const Kind kind : {Kind::Silu, Kind::Gelu}) {
      HWY_DYNAMIC_DISPATCH(MapSlope)({kind}, x.data(), slope.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i)
        ASSERT_NEAR(slope[i], wantedSlope({kind}, x[i]), 4e-7) << x[i];
    }
  });
}

TEST(CpuMath, LimitsAreExactAndNanPassesThrough) {
  struct Limits {
    ActivationSpec spec;
    float below;
    float above;
  };
  const Limits table[] = {{{Kind::Linear}, -kInfinity, kInfinity},
                          {{Kind::Tanh}, -1, 1},
                          {{Kind::Sigmoid}, 0, 1},
                          {{Kind::Relu}, 0, kInfinity},
                          {{Kind::Softsign}, -1, 1},
                          {{Kind::Softplus}, 0, kInfinity},
                          {{Kind::Elu, 1.0}, -1, kInfinity},
                          {{Kind::LeakyRelu, 0.25}, -kInfinity, kInfinity},
                          {{Kind::HardSigmoid, 0.25, 0.5}, 0, 1},
                          {{Kind::Exponential}, 0, kInfinity},
                          {{Kind::Silu}, 0, kInfinity},
                          {{Kind::Gelu}, 0, kInfinity}};
  std::vector<float> x(64), y(64);
  test::onEveryTarget([&] {
    for (const Limits& row : table) {
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = i % 3 == 0 ? -kInfinity : i % 3 == 1 ? kInfinity : std::nanf("");
      HWY_DYNAMIC_DISPATCH(MapActivation)(row.spec, x.data(), y.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        if (i % 3 == 2)
          ASSERT_TRUE(std::isnan(y[i])) << static_cast<int>(row.spec.kind);
        else
          ASSERT_EQ(y[i], i % 3 == 0 ? row.below : row.above) << static_cast<int>(row.spec.kind);
      }
    }
  });
}

}  // namespace
}  // namespace sluice::cpu
#endif  // HWY_ONCE
