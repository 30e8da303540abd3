#include "support/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

// Lengths around vectors and blocks, one frozen, one empty.
struct Layout {
  std::vector<ParameterSegment> segments;
  int64_t total = 0;
  Layout() {
    for (const int64_t length : {1, 7, 0, 33, 8191, 20000, 3, 8193, 64}) {
      segments.push_back({total, length, length == 33 ? 0 : 1});
      total += length;
    }
  }
};

std::vector<OptimizerAttributes> optimizers() {
  std::vector<OptimizerAttributes> all;
  const OptimizerAttributes sgd{.kind = OptimizerKind::Sgd, .learningRate = 0.05};
  all.push_back(sgd);
  all.push_back(sgd);
  all.back().momentum = 0.9;
  all.push_back(all.back());
  all.back().nesterov = 1;
  for (const int32_t torchForm : {0, 1}) {
    OptimizerAttributes rmsprop{
        .kind = OptimizerKind::Rmsprop, .learningRate = 0.01, .rho = 0.9, .torchForm = torchForm};
    all.push_back(rmsprop);
    rmsprop.momentum = 0.8;
    all.push_back(rmsprop);
    OptimizerAttributes adam{
        .kind = OptimizerKind::Adam, .learningRate = 0.01, .torchForm = torchForm};
    all.push_back(adam);
    adam.kind = OptimizerKind::AdamW;
    adam.weightDecay = 0.1;
    all.push_back(adam);
  }
  return all;
}

class Optimizer : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Optimizer);

// Ten steps with fresh gradients, each compared with the reference that started from the same
// floats.
TEST_P(Optimizer, AgreesOverSeveralSteps) {
  Random random(1);
  const Layout layout;
  for (OptimizerAttributes attributes : optimizers()) {
    SCOPED_TRACE("kind " + std::to_string(static_cast<int>(attributes.kind)) + ", torch form " +
                 std::to_string(attributes.torchForm));
    attributes.segments = layout.segments.data();
    attributes.segmentCount = static_cast<int64_t>(layout.segments.size());
    onEveryTarget([&] {
      Case c = optimizeCase(attributes, random.tensor(kReal, makeShape(layout.total)), Tensor());
      for (int64_t t = 1; t <= 10; ++t) {
        attributes.iteration = t;
        c.in[optimize::kGradients] = random.tensor(kReal, makeShape(layout.total));
        c = misaligned(c, static_cast<int>(t % 4));
        Case step = c;
        expectAsReference(device(), step, 3e-7);
        c = step;
        c.in[optimize::kParameters] = step.out[optimize::kUpdated];
      }
    });
  }
}

TEST_P(Optimizer, ClipsAsTheReference) {
  Random random(2);
  const Layout layout;
  const std::vector<OptimizerAttributes> all = optimizers();
  for (OptimizerAttributes attributes : {all.front(), all.back()}) {
    attributes.segments = layout.segments.data();
    attributes.segmentCount = static_cast<int64_t>(layout.segments.size());
    for (const int bits : {1, 2, 4, 6, 7}) {
      SCOPED_TRACE("kind " + std::to_string(static_cast<int>(attributes.kind)) + ", clips " +
                   std::to_string(bits));
      attributes.clipValue = bits & 1 ? 1.2 : 0;
      attributes.clipVariableNorm = bits & 2 ? 5 : 0;
      attributes.clipNorm = bits & 4 ? 2.5 : 0;
      Tensor gradients = random.tensor(kReal, makeShape(layout.total));
      for (int64_t i = 8; i < 41; ++i)
        gradients.set(i, std::numeric_limits<double>::quiet_NaN());  // frozen
      const Case c =
          optimizeCase(attributes, random.tensor(kReal, makeShape(layout.total)), gradients);
      expectAgreement(c, 3e-7);
      expectNoThreadsEffect(c);
    }
  }
}

TEST_P(Optimizer, UpdatesInPlace) {
  Random random(3);
  const Layout layout;
  for (OptimizerAttributes attributes : optimizers()) {
    attributes.segments = layout.segments.data();
    attributes.segmentCount = static_cast<int64_t>(layout.segments.size());
    attributes.clipNorm = 1;
    Case apart = optimizeCase(attributes, random.tensor(kReal, makeShape(layout.total)),
                              random.tensor(kReal, makeShape(layout.total)));
    Case inPlace = apart;
    launch(device(), apart);
    launchInPlace(device(), inPlace, optimize::kParameters, optimize::kUpdated);
    for (size_t i = 0; i < optimize::kOutCount; ++i)
      EXPECT_TRUE(sameBits(apart.out[i], inPlace.out[i]));
  }
}

TEST_P(Optimizer, LargeAndNotFiniteNorms) {
  const ParameterSegment segment{0, 40, 1};
  OptimizerAttributes attributes{
      .kind = OptimizerKind::Sgd, .clipNorm = 1, .segments = &segment, .segmentCount = 1};
  // Squares that float cannot hold.
  expectAgreement(optimizeCase(attributes, Tensor::filled(kReal, makeShape(40), 1),
                               Tensor::filled(kReal, makeShape(40), 1e30)),
                  1e-6);
  Case c = optimizeCase(attributes, Tensor::filled(kReal, makeShape(40), 1),
                        Tensor::filled(kReal, makeShape(40), 1));
  c.in[optimize::kGradients].set(17, std::numeric_limits<double>::quiet_NaN());
  expectAgreement(c, 1e-6);
  attributes.clipNorm = 0;
  attributes.clipValue = 0.5;
  expectAgreement(c, 1e-6);
}

// Losses are scaled on devices with memory of their own alone.
class ScaledOptimizer : public FastBackend {
 protected:
  void SetUp() override {
    FastBackend::SetUp();
    if (!IsSkipped() && !device().device()) GTEST_SKIP() << "it scales no losses";
  }
  const Layout layout;

  Case scaledCase(OptimizerAttributes& attributes, double scale) {
    Random random(4);
    attributes.segments = layout.segments.data();
    attributes.segmentCount = static_cast<int64_t>(layout.segments.size());
    const Tensor parameters = random.tensor(kReal, makeShape(layout.total));
    Tensor gradients = random.tensor(kReal, makeShape(layout.total));
    for (int64_t i = 0; i < layout.total; ++i) gradients.set(i, gradients.get(i) * scale);
    Case c = optimizeCase(attributes, parameters, gradients);
    c.gradientScale = 1 / scale;
    c.out[optimize::kSkipped] = Tensor(DType::Int32, makeShape(1));
    return c;
  }
};
SLUICE_ON_FAST_BACKENDS(ScaledOptimizer);

TEST_P(ScaledOptimizer, TakesTheScaleOutOfGradients) {
  for (OptimizerAttributes attributes : optimizers())
    for (const bool clips : {false, true}) {
      attributes.clipValue = clips ? 0.8 : 0;
      attributes.clipVariableNorm = clips ? 5 : 0;
      attributes.clipNorm = clips ? 2.5 : 0;
      Case plain = scaledCase(attributes, 1), scaled = scaledCase(attributes, 1024);
      launch(device(), plain);
      launch(device(), scaled);
      EXPECT_EQ(scaled.out[optimize::kSkipped].get(0), 0);
      for (size_t i = 0; i < plain.out.size(); ++i)
        EXPECT_TRUE(sameBits(plain.out[i], scaled.out[i]));
    }
}

TEST_P(ScaledOptimizer, LeavesEverythingWhereAGradientIsNotFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  OptimizerAttributes attributes{.kind = OptimizerKind::Adam};
  for (const double clipValue : {0.0, 0.5})
    for (const double value : {std::nan(""), infinity, -infinity})
      for (const int64_t at : {int64_t{0}, int64_t{20}, layout.total - 1}) {
        attributes.clipValue = clipValue;
        Case c = scaledCase(attributes, 1);
        c.in[optimize::kGradients].set(at, value);
        const bool isFrozen = at == 20;
        launch(device(), c);
        EXPECT_EQ(c.out[optimize::kSkipped].get(0), isFrozen ? 0 : 1);
        const bool stays = sameBits(c.out[optimize::kUpdated], c.in[optimize::kParameters]);
        EXPECT_EQ(stays, !isFrozen);
        for (const size_t slot : {optimize::kSlot0, optimize::kSlot1}) {
          const std::vector<double> values = c.out[slot].values();
          EXPECT_EQ(std::all_of(values.begin(), values.end(), [](double v) { return v == 0; }),
                    !isFrozen);
        }
      }
}

TEST_P(Optimizer, NothingToUpdate) {
  const OptimizerAttributes attributes{.clipNorm = 1};
  expectAgreement(
      optimizeCase(attributes, Tensor(kReal, makeShape(0)), Tensor(kReal, makeShape(0))), 0);
}

}  // namespace
}  // namespace sluice::test
