#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "support/recurrent.h"

namespace sluice::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Backend& reference() { return backend("reference"); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One unit, one input, two steps, written out by hand.
TEST(ReferenceGru, EquationsOfOneUnit) {
  const double x[2] = {0.7, -1.1}, w[3] = {0.5, -0.4, 0.9}, r[3] = {0.3, 0.8, -0.6};
  const double b[6] = {0.1, 0.2, -0.3, 0.05, -0.15, 0.25}, h0 = 0.4;
  for (const bool resetAfter : {true, false}) {
    for (const bool replace : {true, false}) {
      double h = h0;
      for (const double v : x) {
        const double c[3] = {resetAfter ? b[3] : 0, resetAfter ? b[4] : 0, resetAfter ? b[5] : 0};
        const double z = sigmoid(v * w[0] + b[0] + h * r[0] + c[0]);
        const double g = sigmoid(v * w[1] + b[1] + h * r[1] + c[1]);
        const double n = resetAfter ? std::tanh(v * w[2] + b[2] + g * (h * r[2] + c[2]))
                                    : std::tanh(v * w[2] + b[2] + (g * h) * r[2]);
        h = replace ? (1 - z) * h + z * n : z * h + (1 - z) * n;
      }
      RecurrentSizes sizes{.B = 1, .T = 2, .I = 1, .H = 1};
      sizes.attributes.resetAfter = resetAfter;
      sizes.attributes.replace = replace;
      Random random(1);
      Case c = recurrentForward(random, sizes, DType::Float64);
      c.in[recurrent::kX] = Tensor::of(DType::Float64, makeShape(1, 2, 1), {x[0], x[1]});
      for (int i = 0; i < 3; ++i) c.in[recurrent::kKernel].set(i, w[i]);
      for (int i = 0; i < 3; ++i) c.in[recurrent::kRecurrentKernel].set(i, r[i]);
      for (int i = 0; i < c.in[recurrent::kBias].size(); ++i) c.in[recurrent::kBias].set(i, b[i]);
      c.in[recurrent::kInitialState].set(0, h0);
      launch(reference(), c);
      EXPECT_NEAR(c.out[recurrent::kFinalState].get(0), h, 1e-15);
      EXPECT_NEAR(c.out[recurrent::kSequence].get(1), h, 1e-15);
    }
  }
}

// Every output gradient against central differences of sum(sequence * dy) + sum(final * df).
void checkDerivatives(const RecurrentSizes& sizes, uint64_t seed, double bound = 1e-7) {
  Random random(seed);
  Case forward = recurrentForward(random, sizes, DType::Float64);
  launch(reference(), forward);
  Case backward = recurrentBackwardOf(random, sizes, forward);
  Tensor& dy = backward.in[recurrentBackward::kDSequence];
  if (sizes.mask != MaskKind::None && !sizes.attributes.repeatMasked && dy.present()) {
    // What stands at masked steps must not be looked at.
    for (int64_t i = 0; i < dy.size(); ++i) {
      if (forward.in[recurrent::kMask].get(i / sizes.H) == 0) dy.set(i, kNaN);
    }
  }
  launch(reference(), backward);
  const auto objective = [&] {
    launch(reference(), forward);
    double sum =
        inner(forward.out[recurrent::kFinalState], backward.in[recurrentBackward::kDFinalState]);
    for (int64_t i = 0; dy.present() && i < dy.size(); ++i) {
      if (!std::isnan(dy.get(i))) sum += dy.get(i) * forward.out[recurrent::kSequence].get(i);
    }
    return sum;
  };
  const std::pair<int, int> pairs[] = {
      {recurrent::kX, recurrentBackward::kDx},
      {recurrent::kKernel, recurrentBackward::kDKernel},
      {recurrent::kRecurrentKernel, recurrentBackward::kDRecurrentKernel},
      {recurrent::kBias, recurrentBackward::kDBias},
      {recurrent::kInitialState, recurrentBackward::kDInitialState}};
  for (const auto& [in, out] : pairs) {
    Tensor& x = forward.in[static_cast<size_t>(in)];
    const Tensor& dx = backward.out[static_cast<size_t>(out)];
    if (!x.present() || !dx.present()) continue;
    expectDerivative(x, dx, objective, ("input " + std::to_string(in)).c_str(), bound);
  }
}

TEST(ReferenceGru, DerivativesInEveryCombination) {
  uint64_t seed = 1;
  for (int bits = 0; bits < 64; ++bits) {
    for (const MaskKind mask : kMaskKinds) {
      RecurrentSizes sizes{.B = 3, .T = 4, .I = 2, .H = 2, .mask = mask};
      sizes.attributes.resetAfter = bits & 1;
      sizes.attributes.replace = bits >> 1 & 1;
      sizes.attributes.reverse = bits >> 2 & 1;
      sizes.attributes.repeatMasked = bits >> 3 & 1;
      sizes.bias = bits >> 4 & 1;
      sizes.initialState = bits >> 5 & 1;
      SCOPED_TRACE("bits " + std::to_string(bits) + ", mask " +
                   std::to_string(static_cast<int>(mask)));
      checkDerivatives(sizes, seed++);
      if (HasFailure()) return;
    }
  }
}

TEST(ReferenceGru, DerivativesOfOtherActivations) {
  const ActivationSpec kinds[] = {{ActivationKind::Linear},
                                  {ActivationKind::Relu},
                                  {ActivationKind::Softsign},
                                  {ActivationKind::Softplus},
                                  {ActivationKind::Elu, 0.7},
                                  {ActivationKind::LeakyRelu, 0.3},
                                  {ActivationKind::Sigmoid},
                                  {ActivationKind::Tanh},
                                  {ActivationKind::HardSigmoid, 0.2, 0.5}};
  uint64_t seed = 900;
  for (const ActivationSpec& kind : kinds) {
    for (const bool resetAfter : {true, false}) {
      SCOPED_TRACE(static_cast<int>(kind.kind));
      RecurrentSizes sizes{.B = 2, .T = 3, .I = 2, .H = 3, .mask = MaskKind::Holes};
      sizes.attributes.resetAfter = resetAfter;
      sizes.attributes.activation = kind;
      checkDerivatives(sizes, seed++, 1e-6);
      sizes.attributes.activation = {ActivationKind::Tanh};
      sizes.attributes.recurrentActivation = kind;
      checkDerivatives(sizes, seed++, 1e-6);
    }
  }
}

TEST(ReferenceGru, MaskedStepsKeepTheStateAndAreNotRead) {
  Random random(7);
  for (const bool reverse : {false, true}) {
    for (const bool repeat : {false, true}) {
      RecurrentSizes sizes{.B = 1, .T = 5, .I = 3, .H = 4, .mask = MaskKind::Holes};
      sizes.attributes.reverse = reverse;
      sizes.attributes.repeatMasked = repeat;
      Case c = recurrentForward(random, sizes, DType::Float64);
      c.in[recurrent::kMask] = Tensor::of(DType::Bool, makeShape(1, 5), {0, 1, 0, 1, 0});
      Case dense = c;  // the valid steps alone
      dense.in[recurrent::kMask] = Tensor();
      dense.in[recurrent::kX] = Tensor(DType::Float64, makeShape(1, 2, 3));
      dense.out[recurrent::kSequence] = Tensor(DType::Float64, makeShape(1, 2, 4));
      for (int64_t i = 0; i < 3; ++i) {
        dense.in[recurrent::kX].set(i, c.in[recurrent::kX].get(3 + i));
        dense.in[recurrent::kX].set(3 + i, c.in[recurrent::kX].get(9 + i));
        for (const int64_t t : {0, 2, 4}) c.in[recurrent::kX].set(t * 3 + i, kNaN);
      }
      launch(reference(), c);
      launch(reference(), dense);
      EXPECT_TRUE(sameBits(c.out[recurrent::kFinalState], dense.out[recurrent::kFinalState]));
      const Tensor &y = c.out[recurrent::kSequence], &want = dense.out[recurrent::kSequence];
      for (int64_t j = 0; j < 4; ++j) {
        const double first = want.get(j), second = want.get(4 + j);
        EXPECT_EQ(y.get(0 + j), repeat && reverse ? first : 0);
        EXPECT_EQ(y.get(4 + j), first);
        EXPECT_EQ(y.get(8 + j), repeat ? (reverse ? second : first) : 0);
        EXPECT_EQ(y.get(12 + j), second);
        EXPECT_EQ(y.get(16 + j), repeat && !reverse ? second : 0);
      }
    }
  }
}

TEST(ReferenceGru, AnEmptyRowReturnsItsInitialState) {
  Random random(8);
  RecurrentSizes sizes{.B = 2, .T = 3, .I = 2, .H = 3, .mask = MaskKind::EmptyRow};
  Case c = recurrentForward(random, sizes, DType::Float64);
  launch(reference(), c);
  for (int64_t j = 0; j < 3; ++j) {
    EXPECT_EQ(c.out[recurrent::kFinalState].get(j), c.in[recurrent::kInitialState].get(j));
    for (int64_t t = 0; t < 3; ++t) EXPECT_EQ(c.out[recurrent::kSequence].get(t * 3 + j), 0);
  }
}

TEST(ReferenceGru, ReverseEqualsTheReversedSequence) {
  Random random(9);
  RecurrentSizes sizes{.B = 3, .T = 6, .I = 2, .H = 4, .mask = MaskKind::Holes};
  sizes.attributes.reverse = 1;
  Case backwards = recurrentForward(random, sizes, DType::Float64);
  Case flip{Op::Reverse,
            nullptr,
            {backwards.in[recurrent::kX], backwards.in[recurrent::kMask]},
            {Tensor(DType::Float64, makeShape(3, 6, 2))}};
  launch(reference(), flip);
  Case forwards = backwards;
  RecurrentAttributes attributes = sizes.attributes;
  attributes.reverse = 0;
  forwards.attributes = &attributes;
  forwards.in[recurrent::kX] = flip.out[0];
  launch(reference(), backwards);
  launch(reference(), forwards);
  EXPECT_TRUE(
      sameBits(backwards.out[recurrent::kFinalState], forwards.out[recurrent::kFinalState]));
  Case back{Op::Reverse,
            nullptr,
            {forwards.out[recurrent::kSequence], backwards.in[recurrent::kMask]},
            {Tensor(DType::Float64, makeShape(3, 6, 4))}};
  launch(reference(), back);
  EXPECT_TRUE(sameBits(backwards.out[recurrent::kSequence], back.out[0]));
}

TEST(ReferenceGru, EmptyExtents) {
  Random random(10);
  for (const auto& [B, T] : {std::pair{0, 3}, std::pair{3, 0}, std::pair{0, 0}}) {
    RecurrentSizes sizes{.B = B, .T = T, .I = 2, .H = 3};
    Case forward = recurrentForward(random, sizes, DType::Float64);
    launch(reference(), forward);
    EXPECT_TRUE(
        sameBits(forward.out[recurrent::kFinalState], forward.in[recurrent::kInitialState]));
    Case backward = recurrentBackwardOf(random, sizes, forward);
    launch(reference(), backward);
    EXPECT_TRUE(sameBits(backward.out[recurrentBackward::kDInitialState],
                         backward.in[recurrentBackward::kDFinalState]));
    for (const int out : {recurrentBackward::kDKernel, recurrentBackward::kDRecurrentKernel,
                          recurrentBackward::kDBias}) {
      for (const double v : backward.out[static_cast<size_t>(out)].values()) EXPECT_EQ(v, 0);
    }
  }
}

TEST(ReferenceGru, OptionalArgumentsMayBeAbsent) {
  Random random(11);
  RecurrentSizes sizes{.B = 2, .T = 3, .I = 2, .H = 3, .mask = MaskKind::Right};
  Case forward = recurrentForward(random, sizes, DType::Float64);
  launch(reference(), forward);
  Case lean = forward;
  lean.out[recurrent::kSequence] = Tensor();
  lean.out[recurrent::kReserve] = Tensor();
  launch(reference(), lean);
  EXPECT_TRUE(sameBits(lean.out[recurrent::kFinalState], forward.out[recurrent::kFinalState]));

  const Case full = recurrentBackwardOf(random, sizes, forward);
  Case all = full;
  launch(reference(), all);
  for (size_t skipped = 0; skipped < recurrentBackward::kOutCount; ++skipped) {
    Case part = full;
    part.out[skipped] = Tensor();
    launch(reference(), part);
    for (size_t i = 0; i < recurrentBackward::kOutCount; ++i) {
      if (i == skipped) continue;
      EXPECT_TRUE(sameBits(part.out[i], all.out[i]));
    }
  }
  // An absent gradient counts as zeros.
  for (const int in : {recurrentBackward::kDSequence, recurrentBackward::kDFinalState}) {
    Case absent = full, zeros = full;
    Tensor& gradient = zeros.in[static_cast<size_t>(in)];
    gradient = Tensor::filled(DType::Float64, gradient.shape(), 0);
    absent.in[static_cast<size_t>(in)] = Tensor();
    launch(reference(), absent);
    launch(reference(), zeros);
    for (size_t i = 0; i < recurrentBackward::kOutCount; ++i)
      EXPECT_LE(difference(absent.out[i], zeros.out[i]), 0);
  }
}

TEST(ReferenceGru, FloatIsCloseToDouble) {
  Random random(12);
  RecurrentSizes sizes{.B = 4, .T = 20, .I = 5, .H = 7, .mask = MaskKind::Holes};
  Case forward = recurrentForward(random, sizes, DType::Float32);
  Case exact = inDouble(forward);
  launch(reference(), forward);
  launch(reference(), exact);
  EXPECT_LE(difference(forward.out[recurrent::kSequence], exact.out[recurrent::kSequence]), 1e-6);
  Case backward = recurrentBackwardOf(random, sizes, forward);
  Case exactBackward = inDouble(backward);
  exactBackward.in[recurrentBackward::kReserve] = exact.out[recurrent::kReserve];
  launch(reference(), backward);
  launch(reference(), exactBackward);
  for (size_t i = 0; i < recurrentBackward::kOutCount; ++i) {
    EXPECT_LE(difference(backward.out[i], exactBackward.out[i]), 2e-6);
  }
}

}  // namespace
}  // namespace sluice::test
