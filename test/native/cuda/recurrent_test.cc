// What only the CUDA backend's recurrences do: tiles, chunks, rounded factors.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "support/recurrent.h"

namespace sluice::test {
namespace {

class CudaRecurrent : public testing::Test {
 protected:
  void SetUp() override {
    if (!BackendRegistry::instance().find("cuda")) GTEST_SKIP() << "no device";
  }
  static const Backend& cuda() { return backend("cuda"); }
  static std::string howOf(const Case& c, const RunContext& context) {
    std::vector<TensorView> in, out;
    for (const Tensor& t : c.in) in.push_back(t.view());
    for (const Tensor& t : c.out) out.push_back(t.view());
    OpCall call;
    call.op = c.op;
    call.attributes = c.attributes;
    call.in = in.data();
    call.out = out.data();
    call.context = &context;
    return kernelOf(cuda(), c).describe(call).how;
  }
  static void expect(const RecurrentSizes& sizes, uint64_t seed) {
    expectAsReference(cuda(), sizes, seed);
  }
};

TEST_F(CudaRecurrent, ManySizes) {
  for (const Op op : kRecurrentOps) {
    uint64_t seed = 1;
    for (const int64_t H : {1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32, 33, 48, 64, 65, 70}) {
      const int64_t B = 1 + static_cast<int64_t>(seed * 7 % 20), T = 1 + H % 4;
      for (const int resetAfter : {1, 0}) {
        if (op != Op::Gru && !resetAfter) continue;
        RecurrentSizes sizes = recurrentSizes(op, B, T, 1 + H % 5, H);
        sizes.attributes.resetAfter = resetAfter;
        expect(sizes, seed++);
      }
    }
  }
}

// In chunks, and with factors that are rounded.
TEST_F(CudaRecurrent, MasksOfTheGates) {
  for (const Op op : kRecurrentOps) {
    RecurrentSizes sizes = recurrentSizes(op, 90, 13, 3, 4).regularised(true, true, false);
    sizes.attributes.recompute = 1;
    expect(sizes, 3);
    RunContext context;
    context.precision = Precision::BFloat16;
    expectAsReference(cuda(), recurrentSizes(op, 9, 3, 3, 34).regularised(true, true, false), 4,
                      context, {0.03, 0.06});
  }
}

// Two directions at once, in streams of their own.
TEST_F(CudaRecurrent, PairsDoNotMatter) {
  for (const Op op : kRecurrentOps) {
    RecurrentSizes sizes[2] = {recurrentSizes(op, 5, 4, 3, 10), recurrentSizes(op, 5, 4, 3, 12)};
    sizes[1].attributes.reverse = 1;
    Random random(7);
    Case forward[2], backward[2];
    for (int i = 0; i < 2; ++i) {
      forward[i] = recurrentForward(random, sizes[i], DType::Float32);
      launch(cuda(), forward[i]);
      backward[i] = recurrentBackwardOf(random, sizes[i], forward[i]);
    }
    Case forwardPair[2] = {forward[0], forward[1]}, backwardPair[2] = {backward[0], backward[1]};
    launchPair(cuda(), forwardPair[0], forwardPair[1], false);
    launchPair(cuda(), backwardPair[0], backwardPair[1], false);
    for (int i = 0; i < 2; ++i) {
      launch(cuda(), backward[i]);
      for (size_t k = 0; k < forward[i].out.size(); ++k)
        EXPECT_TRUE(sameBits(forward[i].out[k], forwardPair[i].out[k])) << "output " << k;
      for (size_t k = 0; k < backward[i].out.size(); ++k)
        EXPECT_TRUE(sameBits(backward[i].out[k], backwardPair[i].out[k])) << "gradient " << k;
    }
  }
}

// Rows so many that a block takes 32, 64 or 128 of them. One step is enough: on the way back its
// gate gradients meet the recurrent kernel, too.
TEST_F(CudaRecurrent, LargerTiles) {
  struct Size {
    Precision precision;
    int64_t B;
    const char* tile;
  };
  for (const auto& [precision, B, tile] :
       {Size{Precision::Float32, 650, "32 rows"}, Size{Precision::Float32, 2570, "64 rows"},
        Size{Precision::BFloat16, 970, "64 rows"}, Size{Precision::BFloat16, 2900, "128 rows"}}) {
    RunContext context;
    context.precision = precision;
    const RecurrentSizes sizes = recurrentSizes(Op::Gru, B, 1, 2, 70);
    Random random(1);
    Case c = recurrentForward(random, sizes, DType::Float32);
    EXPECT_NE(howOf(c, context).find(tile), std::string::npos) << howOf(c, context);
    const RecurrentBounds bounds =
        precision == Precision::Float32 ? RecurrentBounds{} : RecurrentBounds{0.02, 0.04};
    expectAsReference(cuda(), sizes, static_cast<uint64_t>(B), context, bounds);
  }
}

// A product that leaves its sums in tiles of all sizes, rows that a block shares, rounded factors.
TEST_F(CudaRecurrent, LayerNorm) {
  for (const Precision precision :
       {Precision::Float32, Precision::TensorFloat32, Precision::BFloat16, Precision::Float16}) {
    RunContext context;
    context.precision = precision;
    // Norms magnify what rounding does to sums.
    const double epsilon = std::ldexp(1, precision == Precision::BFloat16 ? -8 : -11);
    const RecurrentBounds bounds = precision == Precision::Float32
                                       ? RecurrentBounds{}
                                       : RecurrentBounds{16 * epsilon, 32 * epsilon};
    for (const Op op : kRecurrentOps) {
      expectAsReference(cuda(), recurrentSizes(op, 3, 3, 5, 150).normalized(), 2, context, bounds);
      for (const int64_t B : {9, 650, 2900}) {
        const bool many = B > 9;
        if (many && op == Op::Lstm) continue;
        const RecurrentSizes sizes = recurrentSizes(op, B, many ? 1 : 3, 3, many ? 37 : 34)
                                         .regularised(false, !many, !many)
                                         .normalized();
        expectAsReference(cuda(), sizes, static_cast<uint64_t>(B), context, bounds);
      }
    }
  }
}

// With `recompute`, at most 1024 rows and steps are worked on at once.
TEST_F(CudaRecurrent, SequencesInChunks) {
  for (const Op op : kRecurrentOps) {
    for (const bool reverse : {false, true}) {
      for (const int resetAfter : {0, 1}) {
        if (op != Op::Gru && !resetAfter) continue;
        RecurrentSizes sizes = recurrentSizes(op, 90, 26, 3, 4);
        sizes.attributes.recompute = 1;
        sizes.attributes.reverse = reverse;
        sizes.attributes.resetAfter = resetAfter;
        sizes.mask = reverse ? MaskKind::Holes : MaskKind::None;
        expect(sizes, 3);
        // Over four values a norm makes more of a rounding than the bounds have room for.
        RecurrentSizes wide = sizes;
        wide.H = 9;
        if (resetAfter) expect(wide.normalized(), 5);
        sizes.reserve = false;
        Random random(4);
        Case inference = recurrentForward(random, sizes, DType::Float32);
        EXPECT_LE(expectAsReference(cuda(), inference, 2e-6), 2e-6);
      }
    }
  }
}

// What comes of a row is the same bits whatever other rows there are, and however many.
TEST_F(CudaRecurrent, RowsDoNotDependOnEachOther) {
  for (const Precision precision :
       {Precision::Float32, Precision::TensorFloat32, Precision::BFloat16, Precision::Float16}) {
    for (const auto& [op, norm] :
         {std::pair{Op::Gru, false}, {Op::Lstm, false}, {Op::Lstm, true}}) {
      const int64_t many = op == Op::Gru ? 970 : 20;  // another tile, for all of them
      RecurrentSizes sizes = recurrentSizes(op, many, 2, 3, 70);
      if (norm) sizes = sizes.normalized();
      sizes.reserve = false;
      Random random(5);
      Case batch = recurrentForward(random, sizes, DType::Float32);
      batch.context.precision = precision;
      launch(cuda(), batch);
      for (const int64_t b : {int64_t{0}, int64_t{17}, many - 1}) {
        Case one = batch;
        const auto row = [&](Tensor& t) {
          if (!t.present()) return;
          Shape shape = t.shape();
          shape[0] = 1;
          Tensor cut(t.dtype(), shape);
          for (int64_t i = 0; i < cut.size(); ++i) cut.set(i, t.get(b * cut.size() + i));
          t = cut;
        };
        for (const size_t in : {recurrent::kX, recurrent::kInitialState, recurrent::kInitialCell})
          row(one.in[in]);
        for (Tensor& out : one.out) row(out);
        const Case want = one;
        launch(cuda(), one);
        for (size_t out = 0; out < one.out.size(); ++out)
          EXPECT_TRUE(sameBits(one.out[out], want.out[out])) << "row " << b << " output " << out;
      }
    }
  }
}

// Bits behind the leading one of what is multiplied.
int bitsOf(Precision precision) { return precision == Precision::BFloat16 ? 7 : 10; }

// To the nearest number of so many bits. All formats hold it, however they break ties.
Tensor roundedTo(int bits, const Tensor& exact) {
  Tensor rounded = exact;
  for (int64_t i = 0; i < exact.size(); ++i) {
    int exponent = 0;
    const double fraction = std::frexp(exact.get(i), &exponent);
    rounded.set(i, std::ldexp(std::nearbyint(std::ldexp(fraction, bits + 1)), exponent - bits - 1));
  }
  return rounded;
}

constexpr Precision kRounding[] = {Precision::TensorFloat32, Precision::BFloat16,
                                   Precision::Float16};

// A step whose factors are what the format holds has the float32 result: products are exact.
TEST_F(CudaRecurrent, FactorsThatNeedNoRounding) {
  for (const Precision precision : kRounding) {
    for (const Op op : kRecurrentOps) {
      for (const int64_t H : {3, 8, 33, 70}) {
        RecurrentSizes sizes = recurrentSizes(op, 18, 1, 5, H);
        Random random(static_cast<uint64_t>(H));
        Case c = recurrentForward(random, sizes, DType::Float32);
        for (const size_t in : {recurrent::kX, recurrent::kKernel, recurrent::kRecurrentKernel,
                                recurrent::kInitialState})
          c.in[in] = roundedTo(bitsOf(precision), c.in[in]);
        c.context.precision = precision;
        SCOPED_TRACE(describe(sizes));
        expectAsReference(cuda(), c, 2e-6);
      }
    }
  }
}

// And other factors have another one.
TEST_F(CudaRecurrent, FactorsAreRounded) {
  const RecurrentSizes sizes = recurrentSizes(Op::Gru, 5, 1, 1, 40);
  Random random(2);
  Case exact = recurrentForward(random, sizes, DType::Float32);
  for (int64_t i = 0; i < exact.in[recurrent::kX].size(); ++i) exact.in[recurrent::kX].set(i, 0);
  Case base = exact;
  launch(cuda(), base);
  for (const Precision precision : kRounding) {
    Case c = exact;
    c.context.precision = precision;
    launch(cuda(), c);
    EXPECT_GT(difference(c.out[recurrent::kFinalState], base.out[recurrent::kFinalState]), 2e-5);
  }
}

TEST_F(CudaRecurrent, RoundedFactors) {
  for (const Precision precision : kRounding) {
    RunContext context;
    context.precision = precision;
    const double epsilon = std::ldexp(1, -bitsOf(precision) - 1);
    for (const Op op : kRecurrentOps) {
      for (const int resetAfter : {0, 1}) {
        if (op != Op::Gru && !resetAfter) continue;
        for (const int64_t H : {5, 24, 70}) {
          RecurrentSizes sizes = recurrentSizes(op, 19, 4, 6, H);
          sizes.attributes.resetAfter = resetAfter;
          sizes.mask = H == 24 ? MaskKind::Holes : MaskKind::None;
          expectAsReference(cuda(), sizes, static_cast<uint64_t>(H), context,
                            {8 * epsilon, 16 * epsilon});
        }
      }
    }
  }
}

TEST_F(CudaRecurrent, SaysWhatItCannotDo) {
  RecurrentSizes sizes = recurrentSizes(Op::Gru, 2, 1, 4, 5);
  sizes.attributes.weights = WeightsType::Int8;
  Random random(1);
  Case c = recurrentForward(random, sizes, DType::Float32);
  EXPECT_THROW(launch(cuda(), c), std::runtime_error);
}

}  // namespace
}  // namespace sluice::test
