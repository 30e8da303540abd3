// One step of the CPU backend's GRU, with weights as they are and in less precision.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "cpu/targets.h"
#include "support/recurrent.h"
#include "support/rounding.h"

namespace sluice::test {
namespace {

constexpr WeightsType kReduced[] = {WeightsType::Float16, WeightsType::BFloat16, WeightsType::Int8};

const Backend& cpu() { return backend("cpu"); }

// With float32 arithmetic the bound of every kernel; activations of 16 bits add their own rounding.
double boundOf(WeightsType weights) { return weights == WeightsType::Int8 ? 4e-5 : 2e-6; }

RecurrentSizes stepOf(int64_t B, int64_t I, int64_t H, WeightsType weights = WeightsType::Float32) {
  RecurrentSizes sizes;
  sizes.B = B;
  sizes.I = I;
  sizes.H = H;
  sizes.reserve = false;
  sizes.attributes.weights = weights;
  return sizes;
}

Case withRoundedWeights(const Case& c, WeightsType weights) {
  Case rounded = c;
  for (const int i : {recurrent::kKernel, recurrent::kRecurrentKernel})
    rounded.in[static_cast<size_t>(i)] = roundedTo(weights, c.in[static_cast<size_t>(i)]);
  return rounded;
}

void expectAsRounded(const RecurrentSizes& sizes, uint64_t seed, double bound) {
  SCOPED_TRACE(testing::Message() << "B" << sizes.B << " I" << sizes.I << " H" << sizes.H
                                  << " weights" << static_cast<int>(sizes.attributes.weights));
  Random random(seed);
  Case c = recurrentForward(random, sizes, DType::Float32);
  Case want = inDouble(withRoundedWeights(c, sizes.attributes.weights));
  launch(backend("reference"), want);
  launch(cpu(), c);
  for (const size_t out : {recurrent::kSequence, recurrent::kFinalState}) {
    if (!c.out[out].present()) continue;
    EXPECT_LE(difference(c.out[out], want.out[out]), bound) << "output " << out;
  }
}

// Two threads take the way of whole sequences.
TEST(CpuGruStream, AStepHasTheBitsOfASequence) {
  onEveryTarget([] {
    uint64_t seed = 1;
    for (int64_t B : {1, 2, 3, 4, 5, 7, 8, 9, 17, 64}) {
      for (const int64_t H : {1, 2, 5, 8, 15, 16, 17, 31, 48, 64, 70, 130}) {
        RecurrentSizes sizes = stepOf(B, 1 + (B * H) % 37, H);
        sizes.attributes.replace = seed % 2 != 0;
        sizes.bias = seed % 3 != 0;
        sizes.sequence = seed % 5 != 0;
        Random random(seed++);
        Case one = recurrentForward(random, sizes, DType::Float32);
        Case two = one;
        two.context.threads = 2;
        launch(cpu(), one);
        launch(cpu(), two);
        for (const size_t out : {recurrent::kSequence, recurrent::kFinalState})
          ASSERT_TRUE(sameBits(one.out[out], two.out[out])) << "B" << B << " H" << H;
      }
    }
  });
}

TEST(CpuGruStream, LessPrecisionIsThatOfTheWeights) {
  onEveryTarget([] {
    uint64_t seed = 1;
    for (const WeightsType weights : kReduced) {
      for (int64_t B = 1; B <= 9; ++B)
        for (const int64_t H : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 48, 49, 64, 70}) {
          RecurrentSizes sizes = stepOf(B, 1 + (3 * B + H) % 11, H, weights);
          sizes.attributes.replace = seed % 2 != 0;
          sizes.bias = seed % 3 != 0;
          sizes.sequence = seed % 5 != 0;
          expectAsRounded(sizes, seed++, boundOf(weights));
        }
      for (const int64_t H : {127, 128, 255, 257})
        expectAsRounded(stepOf(1 + H % 3, 300, H, weights), seed++, boundOf(weights));
    }
  });
}

TEST(CpuGruStream, CellsThatAreNotFusedGetRoundedWeights) {
  onEveryTarget([] {
    uint64_t seed = 1;
    for (const WeightsType weights : kReduced)
      for (const int64_t H : {5, 16, 33})
        for (const int resetAfter : {0, 1}) {
          RecurrentSizes sizes = stepOf(3, 7, H, weights);
          sizes.attributes.resetAfter = resetAfter;
          if (resetAfter) sizes.attributes.activation.kind = ActivationKind::Softsign;
          expectAsRounded(sizes, seed++, 2e-6);
        }
    for (const WeightsType weights : kReduced)
      for (const Op op : {Op::Lstm, Op::SimpleRnn})
        for (const int64_t B : {1, 3}) {
          RecurrentSizes sizes = stepOf(B, 7, 33, weights);
          sizes.op = op;
          expectAsRounded(sizes, seed++, 2e-6);
        }
  });
}

TEST(CpuGruStream, RowsDoNotDependOnTheirGroup) {
  onEveryTarget([] {
    for (const WeightsType weights : kReduced) {
      const int64_t B = 11, I = 9;
      for (const int64_t H : {16, 53}) {
        Random random(5);
        const RecurrentSizes sizes = stepOf(B, I, H, weights);
        Case all = recurrentForward(random, sizes, DType::Float32);
        launch(cpu(), all);
        for (int64_t row = 0; row < B; ++row) {
          Case one = all;
          one.in[recurrent::kX] = Tensor(DType::Float32, makeShape(1, 1, I));
          one.in[recurrent::kInitialState] = Tensor(DType::Float32, makeShape(1, H));
          for (int64_t i = 0; i < I; ++i)
            one.in[recurrent::kX].set(i, all.in[recurrent::kX].get(row * I + i));
          for (int64_t j = 0; j < H; ++j)
            one.in[recurrent::kInitialState].set(j,
                                                 all.in[recurrent::kInitialState].get(row * H + j));
          one.out[recurrent::kSequence] = Tensor(DType::Float32, makeShape(1, 1, H));
          one.out[recurrent::kFinalState] = Tensor(DType::Float32, makeShape(1, H));
          launch(cpu(), one);
          for (int64_t j = 0; j < H; ++j)
            ASSERT_EQ(one.out[recurrent::kFinalState].get(j),
                      all.out[recurrent::kFinalState].get(row * H + j))
                << "row " << row << " unit " << j;
        }
      }
    }
  });
}

// Every product as large as it can be, more of them than a 32-bit sum holds.
TEST(CpuGruStream, Int8SumsDoNotOverflow) {
  onEveryTarget([] {
    for (const auto& [sign, I, H] :
         {std::tuple<double, int64_t, int64_t>{1, 1100, 20}, {-1, 1601, 20}, {1, 3, 561}}) {
      Random random(1);
      const RecurrentSizes sizes = stepOf(1, I, H, WeightsType::Int8);
      Case c = recurrentForward(random, sizes, DType::Float32);
      c.in[recurrent::kX] = Tensor::filled(DType::Float32, makeShape(1, 1, I), sign);
      c.in[recurrent::kInitialState] = Tensor::filled(DType::Float32, makeShape(1, H), 1);
      c.in[recurrent::kKernel] = Tensor::filled(DType::Float32, makeShape(I, 3 * H), 1.0 / I);
      c.in[recurrent::kRecurrentKernel] =
          Tensor::filled(DType::Float32, makeShape(H, 3 * H), 1.0 / H);
      Case want = inDouble(c);
      launch(backend("reference"), want);
      launch(cpu(), c);
      EXPECT_LE(difference(c.out[recurrent::kFinalState], want.out[recurrent::kFinalState]), 1e-5);
    }
  });
}

// The error of a long stream is that of rounding the weights.
TEST(CpuGruStream, Int8IsAsGoodAsItsWeights) {
  onEveryTarget([] {
    const int64_t steps = 1000, I = 8, H = 40;
    Random random(3);
    const RecurrentSizes sizes = stepOf(1, I, H, WeightsType::Int8);
    Case c = recurrentForward(random, sizes, DType::Float32);
    Case exact = inDouble(c);
    Case rounded = inDouble(withRoundedWeights(c, WeightsType::Int8));
    double ofWeights = 0, ofAll = 0;
    for (int64_t t = 0; t < steps; ++t) {
      const Tensor x = random.tensor(DType::Float32, makeShape(1, 1, I));
      for (Case* each : {&c, &exact, &rounded}) {
        each->in[recurrent::kX] = each == &c ? x : x.cast(DType::Float64);
        launch(each == &c ? cpu() : backend("reference"), *each);
        each->in[recurrent::kInitialState] = each->out[recurrent::kFinalState];
      }
      for (int64_t j = 0; j < H; ++j) {
        const double want = exact.out[recurrent::kFinalState].get(j);
        ofAll = std::max(ofAll, std::abs(c.out[recurrent::kFinalState].get(j) - want));
        ofWeights =
            std::max(ofWeights, std::abs(rounded.out[recurrent::kFinalState].get(j) - want));
      }
    }
    EXPECT_GT(ofWeights, 1e-4);
    EXPECT_LE(ofAll, 1.5 * ofWeights);
  });
}

TEST(CpuGruStream, WhatIsNotFiniteStaysSo) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  onEveryTarget([] {
    for (const WeightsType weights : kReduced) {
      SCOPED_TRACE(static_cast<int>(weights));
      for (const int64_t B : {1, 3}) {
        const int64_t I = 5, H = 21;
        Random random(2);
        const RecurrentSizes sizes = stepOf(B, I, H, weights);
        const Case good = recurrentForward(random, sizes, DType::Float32);
        for (const int argument : {recurrent::kX, recurrent::kInitialState}) {
          Case c = good;
          c.in[static_cast<size_t>(argument)].set(0, kNaN);
          launch(cpu(), c);
          for (int64_t j = 0; j < H; ++j)
            EXPECT_TRUE(std::isnan(c.out[recurrent::kFinalState].get(j)));
          // The other rows do not know of it.
          for (int64_t j = H; j < B * H; ++j)
            EXPECT_FALSE(std::isnan(c.out[recurrent::kFinalState].get(j)));
        }
        for (const double value : {kNaN, kInfinity, -kInfinity}) {
          Case c = good;
          c.in[recurrent::kRecurrentKernel].set(2 * H + 7, value);  // of the candidate of unit 7
          Case want = inDouble(c);
          launch(backend("reference"), want);
          launch(cpu(), c);
          for (int64_t j = 0; j < B * H; ++j) {
            const double got = c.out[recurrent::kFinalState].get(j);
            if (j % H != 7)
              EXPECT_FALSE(std::isnan(got)) << j;
            else if (weights == WeightsType::Int8)
              EXPECT_TRUE(std::isnan(got)) << j;
            else
              EXPECT_EQ(std::isnan(got), std::isnan(want.out[recurrent::kFinalState].get(j))) << j;
          }
        }
      }
    }
  });
}

TEST(CpuGruStream, SmallAndLargeNumbers) {
  onEveryTarget([] {
    for (const WeightsType weights : kReduced) {
      SCOPED_TRACE(static_cast<int>(weights));
      // Subnormal float16, and rows and columns of nothing but zeros or next to it.
      for (const double size : {0.0, 1e-40, 1e-35, 3e-7, 1e-5, 60000.0}) {
        Random random(4);
        const RecurrentSizes sizes = stepOf(2, 6, 19, weights);
        Case c = recurrentForward(random, sizes, DType::Float32);
        c.in[recurrent::kKernel] = random.tensor(DType::Float32, makeShape(6, 57), -size, size);
        c.in[recurrent::kX] =
            random.tensor(DType::Float32, makeShape(2, 1, 6), -1 / (size + 1), 1 / (size + 1));
        if (size == 1e-35)
          c.in[recurrent::kX] = random.tensor(DType::Float32, makeShape(2, 1, 6), -size, size);
        Case want = inDouble(withRoundedWeights(c, weights));
        launch(backend("reference"), want);
        launch(cpu(), c);
        EXPECT_LE(difference(c.out[recurrent::kFinalState], want.out[recurrent::kFinalState]),
                  boundOf(weights))
            << size;
      }
    }
  });
}

TEST(CpuGruStream, OnlyStreamsTakeLessPrecision) {
  Random random(1);
  RecurrentSizes sizes = stepOf(1, 3, 4, WeightsType::Int8);
  const auto refusal = [&] {
    const Case c = recurrentForward(random, sizes, DType::Float32);
    std::vector<TensorView> in, out;
    for (const Tensor& t : c.in) in.push_back(t.view());
    for (const Tensor& t : c.out) out.push_back(t.view());
    OpCall call{.op = c.op, .attributes = c.attributes, .in = in.data(), .out = out.data()};
    call.inCount = recurrent::kInCount;
    call.outCount = recurrent::kOutCount;
    return kernelOf(cpu(), c).whyNot(call);
  };
  EXPECT_EQ(refusal(), nullptr);
  sizes.T = 2;
  EXPECT_NE(refusal(), nullptr);
  sizes.T = 1;
  sizes.mask = MaskKind::Right;
  EXPECT_NE(refusal(), nullptr);
  sizes.mask = MaskKind::None;
  sizes.initialState = false;
  EXPECT_NE(refusal(), nullptr);
}

}  // namespace
}  // namespace sluice::test
