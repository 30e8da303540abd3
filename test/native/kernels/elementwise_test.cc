// Activation, Merge, Add, ScaleSteps, MaskAnd, MaskSteps, Normalize, Reverse, Concat, Split against
// the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Activation : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Activation);
class Merge : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Merge);
class Add : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Add);
class ScaleSteps : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(ScaleSteps);
class MaskAnd : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(MaskAnd);
class MaskSteps : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(MaskSteps);
class Normalize : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Normalize);
class Reverse : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Reverse);
class Concat : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Concat);

// From nothing to past two vectors of the widest target.
std::vector<int64_t> lengths() {
  std::vector<int64_t> all;
  for (int64_t n = 0; n <= 34; ++n) all.push_back(n);
  all.push_back(1000);
  return all;
}

const ActivationSpec kActivations[] = {{ActivationKind::Linear, 0, 0},
                                       {ActivationKind::Tanh, 0, 0},
                                       {ActivationKind::Sigmoid, 0, 0},
                                       {ActivationKind::Relu, 0, 0},
                                       {ActivationKind::Softsign, 0, 0},
                                       {ActivationKind::Softplus, 0, 0},
                                       {ActivationKind::Elu, 1.3, 0},
                                       {ActivationKind::LeakyRelu, 0.2, 0},
                                       {ActivationKind::HardSigmoid, 0.2, 0.5},
                                       {ActivationKind::Exponential, 0, 0},
                                       {ActivationKind::Selu, 0, 0},
                                       {ActivationKind::Silu, 0, 0},
                                       {ActivationKind::Gelu, 0, 0}};

TEST_P(Activation, Agrees) {
  Random random(1);
  for (const ActivationSpec& spec : kActivations) {
    SCOPED_TRACE(static_cast<int>(spec.kind));
    for (const int64_t n : lengths()) {
      const Tensor x = random.tensor(kReal, makeShape(n), -8, 8);
      expectAgreement({Op::Activation, &spec, {x}, {Tensor(kReal, x.shape())}}, 5e-7);
      Case forward{Op::Activation, &spec, {x}, {Tensor(kReal, x.shape())}};
      launch(backend("reference"), forward);
      const Tensor dy = random.tensor(kReal, x.shape());
      const bool fromInput = needsInput(spec.kind);
      const Tensor y = fromInput ? Tensor() : forward.out[0], at = fromInput ? x : Tensor();
      expectAgreement({Op::ActivationBackward, &spec, {y, dy, at}, {dy}}, 5e-7);
    }
  }
}

// An element's bits depend neither on its place nor on its neighbours.
TEST_P(Activation, ElementsDoNotSeeEachOther) {
  Random random(2);
  const Tensor x = random.tensor(kReal, makeShape(45), -8, 8);
  onEveryTarget([&] {
    for (const ActivationSpec& spec : kActivations) {
      Case all{Op::Activation, &spec, {x}, {Tensor(kReal, x.shape())}};
      launch(device(), all);
      for (int64_t i = 0; i < x.size(); ++i) {
        Case one{Op::Activation,
                 &spec,
                 {Tensor::of(kReal, makeShape(1), {x.get(i)})},
                 {Tensor(kReal, makeShape(1))}};
        launch(device(), one);
        EXPECT_EQ(one.out[0].get(0), all.out[0].get(i));
      }
    }
  });
}

// Far out there is a limit, and no NaN on the way to it.
TEST_P(Activation, Limits) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::of(kReal, makeShape(6), {-kInfinity, -3e38, -200, 200, 3e38, kInfinity});
  for (const ActivationKind kind : {ActivationKind::Silu, ActivationKind::Gelu}) {
    const ActivationSpec spec{kind, 0, 0};
    const Tensor dy = Tensor::filled(kReal, x.shape(), 1);
    onEveryTarget([&] {
      Case forward{Op::Activation, &spec, {x}, {Tensor(kReal, x.shape())}};
      launch(device(), forward);
      Case backward{Op::ActivationBackward, &spec, {Tensor(), dy, x}, {Tensor(kReal, x.shape())}};
      launch(device(), backward);
      for (int64_t i = 0; i < x.size(); ++i) {
        EXPECT_EQ(forward.out[0].get(i), i < 3 ? 0 : x.get(i));
        EXPECT_NEAR(backward.out[0].get(i), i < 3 ? 0 : 1, 1e-6);
      }
    });
  }
}

TEST_P(Activation, ThreadsDoNotMatter) {
  Random random(3);
  const ActivationSpec spec{ActivationKind::Tanh, 0, 0};
  const Tensor x = random.tensor(kReal, makeShape(100003), -8, 8);
  expectNoThreadsEffect({Op::Activation, &spec, {x}, {x}});
  expectNoThreadsEffect({Op::ActivationBackward, &spec, {x, x}, {x}});
}

TEST_P(Merge, Agrees) {
  Random random(4);
  for (const MergeMode mode : {MergeMode::Sum, MergeMode::Average, MergeMode::Multiply,
                               MergeMode::Subtract, MergeMode::Maximum, MergeMode::Minimum}) {
    const MergeAttributes attributes{mode};
    for (const int64_t n : lengths()) {
      const Tensor a = random.tensor(kReal, makeShape(n)), b = random.tensor(kReal, makeShape(n));
      const Tensor dy = random.tensor(kReal, makeShape(n)), none;
      expectAgreement({Op::Merge, &attributes, {a, b}, {dy}}, 1e-7);
      expectAgreement({Op::MergeBackward, &attributes, {a, b, dy}, {dy, dy}}, 1e-7);
      expectAgreement({Op::MergeBackward, &attributes, {a, b, dy}, {none, dy}}, 1e-7);
      if (mode == MergeMode::Subtract) continue;  // has two parts
      // Some parts are equal: the first one counts.
      const Tensor c = random.tensor(kReal, makeShape(n));
      expectAgreement({Op::Merge, &attributes, {a, b, c, a, b}, {dy}}, 2e-7);
      expectAgreement({Op::MergeBackward, &attributes, {a, b, c, a, b, dy}, {dy, none, dy, dy, dy}},
                      2e-7);
    }
    const Tensor big = random.tensor(kReal, makeShape(3, 50001));
    expectNoThreadsEffect({Op::Merge, &attributes, {big, big}, {big}});
    expectNoThreadsEffect({Op::MergeBackward, &attributes, {big, big, big}, {big, big}});
  }
}

TEST_P(Merge, NaNPassesThrough) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor a = Tensor::of(kReal, makeShape(3), {nan, 1, 2});
  const Tensor b = Tensor::of(kReal, makeShape(3), {1, nan, 3});
  const Tensor c = Tensor::of(kReal, makeShape(3), {0, 5, 1});
  for (const MergeMode mode : {MergeMode::Maximum, MergeMode::Minimum}) {
    const MergeAttributes attributes{mode};
    expectAgreement({Op::Merge, &attributes, {a, b, c}, {a}}, 0);
    Case merged{Op::Merge, &attributes, {a, b, c}, {a}};
    launch(device(), merged);
    EXPECT_TRUE(std::isnan(merged.out[0].get(0)) && std::isnan(merged.out[0].get(1)));
    EXPECT_EQ(merged.out[0].get(2), mode == MergeMode::Maximum ? 3 : 1);
  }
}

TEST_P(Add, Agrees) {
  Random random(5);
  for (const int64_t n : lengths()) {
    const Tensor x = random.tensor(kReal, makeShape(n)), y = random.tensor(kReal, makeShape(n));
    expectAgreement({Op::Add, nullptr, {x}, {y}}, 1e-7);
  }
  const Tensor big = random.tensor(kReal, makeShape(150001));
  expectNoThreadsEffect({Op::Add, nullptr, {big}, {big}});
}

TEST_P(ScaleSteps, Agrees) {
  Random random(9);
  for (const int64_t F : {1, 3, 8, 17, 300})
    for (const int64_t rows : {0, 1, 4}) {
      const Tensor x = random.tensor(kReal, makeShape(rows, 3, F));
      const Tensor factor = random.tensor(kReal, makeShape(rows, F));
      expectAgreement({Op::ScaleSteps, nullptr, {x, factor}, {x}}, 1e-7);
    }
}

TEST_P(MaskAnd, Agrees) {
  Random random(6);
  for (const int64_t n : lengths()) {
    const Tensor a = random.mask(makeShape(1, n)), b = random.mask(makeShape(1, n));
    // Masks name the real dtype of the table by nothing: launch on the Float32 one.
    for (const int elements : {0, 1}) {
      Case c =
          misaligned({Op::MaskAnd, nullptr, {a, b}, {Tensor(DType::Bool, a.shape())}}, elements);
      launch(device(), c);
      for (int64_t i = 0; i < n; ++i) {
        EXPECT_EQ(c.out[0].get(i), (a.get(i) != 0 && b.get(i) != 0) ? 1 : 0);
      }
    }
  }
}

TEST_P(MaskSteps, Agrees) {
  Random random(8);
  for (const Shape& shape : {makeShape(5, 9, 3), makeShape(4, 7), makeShape(2, 6, 2, 3),
                             makeShape(0, 4, 2), makeShape(3, 0, 2), makeShape(64, 50, 33)}) {
    const Tensor x = random.tensor(kReal, shape), mask = random.mask(makeShape(shape[0], shape[1]));
    expectAgreement({Op::MaskSteps, nullptr, {x, mask}, {Tensor(kReal, shape)}}, 0);
    expectNoThreadsEffect({Op::MaskSteps, nullptr, {x, mask}, {Tensor(kReal, shape)}});
  }
}

TEST_P(Normalize, Agrees) {
  Random random(7);
  for (const int invert : {0, 1}) {
    const NormalizeAttributes attributes{.epsilon = 1e-2, .invert = invert};
    for (const int64_t F : {1, 2, 3, 7, 8, 9, 16, 31, 64, 255, 256, 257, 1000}) {
      for (const Shape& shape :
           {makeShape(0, F), makeShape(1, F), makeShape(5, F), makeShape(7, 40, F)}) {
        const Tensor x = random.tensor(kReal, shape, -3, 3);
        const Tensor mean = random.tensor(kReal, makeShape(F));
        const Tensor variance = random.tensor(kReal, makeShape(F), 0, 2);
        expectAgreement({Op::Normalize, &attributes, {x, mean, variance}, {x}}, 5e-7);
        expectAgreement({Op::NormalizeBackward, &attributes, {variance, x}, {x}}, 5e-7);
        if (shape.rank == 3)
          expectNoThreadsEffect({Op::Normalize, &attributes, {x, mean, variance}, {x}});
      }
    }
    const Tensor x = random.tensor(kReal, makeShape(20000, 9));
    const Tensor moments = random.tensor(kReal, makeShape(9), 0.5, 1);
    expectNoThreadsEffect({Op::Normalize, &attributes, {x, moments, moments}, {x}});
  }
}

TEST_P(Reverse, Agrees) {
  Random random(8);
  for (const Shape& shape :
       {makeShape(5, 9, 3), makeShape(4, 7), makeShape(2, 6, 2, 3), makeShape(0, 4, 2),
        makeShape(3, 0, 2), makeShape(1, 1, 1), makeShape(33, 40, 50)}) {
    for (const bool masked : {false, true}) {
      const Tensor mask = masked ? random.mask(makeShape(shape[0], shape[1])) : Tensor();
      const Tensor x = random.tensor(kReal, shape);
      expectAgreement({Op::Reverse, nullptr, {x, mask}, {x}}, 0);
      expectNoThreadsEffect({Op::Reverse, nullptr, {x, mask}, {x}});
    }
  }
}

TEST_P(Concat, AgreesAndSplits) {
  Random random(9);
  for (const int32_t axis : {1, 2}) {
    for (const int64_t rows : {0, 1, 5, 700}) {
      ConcatAttributes attributes{.axis = axis, .parts = 4};
      Case join{Op::Concat, &attributes, {}, {}};
      Shape whole = makeShape(rows, 6, 20);
      whole[axis] = 0;
      for (int i = 0; i < 4; ++i) {
        Shape part = makeShape(rows, 6, 20);
        attributes.extents[i] = part[axis] = 7 * i;
        whole[axis] += 7 * i;
        join.in.push_back(random.tensor(kReal, part));
      }
      join.out.emplace_back(kReal, whole);
      expectAgreement(join, 0);
      expectNoThreadsEffect(join);
      Case split{Op::Split, &attributes, {random.tensor(kReal, whole)}, join.in};
      expectAgreement(split, 0);
      expectNoThreadsEffect(split);
      split.out[2] = Tensor();
      expectAgreement(split, 0);
    }
  }
}

}  // namespace
}  // namespace sluice::test
