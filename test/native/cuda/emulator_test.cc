// The emulator itself: that it computes what the hardware computes, and refuses what that refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "cuda/emulator_kernels.h"
#include "cuda/emulator_support.h"

namespace sluice::test {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// --- threads of a block -------------------------------------------------------------------------

TEST(CudaEmulator, BarriersInEveryOrder) {
  for (const char* order : {"forward", "backward", "random"}) {
    const Setting setting("SLUICE_EMULATOR_ORDER", order);
    const Array<float> in(ramp(3 * 100));
    const Array<float> out(3 * 100);
    expectOk(launchReverse(configure(3, 100), in.data(), out.data(), true));
    const std::vector<float> values = out.values();
    for (int i = 0; i < 300; ++i) EXPECT_EQ(values[i], i / 100 * 100 + 100 - i % 100) << order;
  }
}

TEST(CudaEmulator, MissingBarrierIsSeen) {
  for (const char* order : {"forward", "backward", "random"}) {
    const Setting setting("SLUICE_EMULATOR_ORDER", order);
    const Array<float> in(ramp(64));
    const Array<float> out(64);
    expectOk(launchReverse(configure(1, 64), in.data(), out.data(), false));
    const std::vector<float> values = out.values();
    EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](float x) { return std::isnan(x); }));
  }
}

TEST(CudaEmulator, BlocksBeginWithNaNInSharedMemory) {
  const Setting forward("SLUICE_EMULATOR_ORDER", "forward");
  const Array<float> of(2 * 3);
  const Array<int> turn(std::vector<int>{0});
  const Array<int> turns(3);
  expectOk(launchFresh(withShared(configure(3, 1), 4), of.data(), turn.data(), turns.data()));
  for (const float x : of.values()) EXPECT_TRUE(std::isnan(x));
  EXPECT_EQ(turns.values(), (std::vector<int>{0, 1, 2}));
  const Setting setting("SLUICE_EMULATOR_ORDER", "backward");
  expectOk(launchFresh(withShared(configure(3, 1), 4), of.data(), turn.data(), turns.data()));
  EXPECT_EQ(turns.values(), (std::vector<int>{5, 4, 3}));
}

TEST(CudaEmulator, VotesOfThreadsThatHaveNotEnded) {
  std::vector<int> predicate(100, 0);
  predicate[70] = 5;
  predicate[90] = 1;
  const Array<int> in(predicate);
  const Array<int> out(3);
  expectOk(launchVotes(configure(1, 100), in.data(), 100, out.data()));
  EXPECT_EQ(out.values(), (std::vector<int>{1, 0, 2}));
  expectOk(launchVotes(configure(1, 100), in.data(), 80, out.data()));
  EXPECT_EQ(out.values(), (std::vector<int>{1, 0, 1}));
  expectOk(launchVotes(configure(1, 100), in.data(), 70, out.data()));
  EXPECT_EQ(out.values(), (std::vector<int>{0, 0, 0}));
  const Array<int> ones(std::vector<int>(100, 1));
  expectOk(launchVotes(configure(1, 100), ones.data(), 33, out.data()));
  EXPECT_EQ(out.values(), (std::vector<int>{1, 1, 33}));
}

TEST(CudaEmulator, Shuffles) {
  const Array<int> out(std::vector<int>(6 * 32, -1));
  expectOk(launchShuffles(configure(1, 32), out.data()));
  const std::vector<int> values = out.values();
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(values[lane], 30);
    EXPECT_EQ(values[32 + lane], 10 * (lane < 2 ? lane : lane - 2));
    EXPECT_EQ(values[64 + lane], 10 * (lane % 8 < 6 ? lane + 2 : lane));
    EXPECT_EQ(values[96 + lane], 10 * (lane ^ 5));
    EXPECT_EQ(values[128 + lane], static_cast<int>(0xaaaaaaaau));
    EXPECT_EQ(values[160 + lane], lane % 2 == 0 ? 1 : -1);
  }
  const Array<double> doubles(32);
  expectOk(launchShuffleDoubles(configure(1, 32), doubles.data()));
  const std::vector<double> exact = doubles.values();
  for (int lane = 0; lane < 32; ++lane) EXPECT_EQ(exact[lane], 0.1 * (lane ^ 1));
}

TEST(CudaEmulator, LanesThatDoNotExistGiveNaN) {
  const Array<double> out(32);
  expectOk(launchShuffleDoubles(configure(1, 7), out.data()));
  const std::vector<double> values = out.values();
  EXPECT_EQ(values[4], 0.1 * 5);
  EXPECT_TRUE(std::isnan(values[6]));
}

// --- matrix products ----------------------------------------------------------------------------

float rounded(Product product, float value) {
  // Small multiples of 1/8 are exact in all three types; thirds are not.
  const float step = std::exp2(std::floor(std::log2(std::abs(value))) -
                               (product == Product::BFloat16 ? 7.0f : 10.0f));
  return value == 0 ? 0 : std::nearbyint(value / step) * step;
}

class CudaEmulatorProduct : public testing::TestWithParam<Product> {};

TEST_P(CudaEmulatorProduct, MatchesPlainLoops) {
  const int depth = GetParam() == Product::Tf32 ? 8 : 16;
  std::vector<float> a(16 * depth);
  std::vector<float> b(depth * 8);
  std::vector<float> d(16 * 8);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i * 37 % 64) / 3 - 9;
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i * 23 % 32) / 3 - 5.1f;
  for (size_t i = 0; i < d.size(); ++i) d[i] = static_cast<float>(i % 11);
  const Array<float> left(a);
  const Array<float> right(b);
  const Array<float> sums(d);
  expectOk(launchProduct(configure(1, 32), GetParam(), left.data(), right.data(), sums.data()));
  const std::vector<float> values = sums.values();
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      double sum = d[row * 8 + column];
      for (int k = 0; k < depth; ++k) {
        sum += static_cast<double>(rounded(GetParam(), a[row * depth + k])) *
               rounded(GetParam(), b[k * 8 + column]);
      }
      EXPECT_NEAR(values[row * 8 + column], sum, 1e-4) << row << ", " << column;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CudaEmulatorProduct,
                         testing::Values(Product::Tf32, Product::BFloat16, Product::Half));

TEST(CudaEmulator, LoadsMatrices) {
  std::vector<uint16_t> matrices(4 * 64);
  std::iota(matrices.begin(), matrices.end(), uint16_t{0});
  const Array<uint16_t> in(matrices);
  const Array<uint32_t> out(8 * 32);
  expectOk(launchLoadMatrices(withShared(configure(1, 32), 512), in.data(), out.data()));
  const std::vector<uint32_t> values = out.values();
  const auto pair = [](int low, int high) { return static_cast<uint32_t>(low | high << 16); };
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int first = 64 * i + lane / 4 * 8 + lane % 4 * 2;
      const int transposed = 64 * i + lane % 4 * 16 + lane / 4;
      EXPECT_EQ(values[32 * i + lane], pair(first, first + 1));
      EXPECT_EQ(values[32 * (4 + i) + lane], pair(transposed, transposed + 8));
    }
  }
}

TEST(CudaEmulator, Conversions) {
  struct Expected {
    float value;
    uint32_t bfloat;
    uint32_t half;
    uint32_t tf32;
  };
  const std::vector<Expected> cases = {
      {0.0f, 0, 0, 0},
      {-0.0f, 0x8000, 0x8000, 0x80000000},
      {1.0f, 0x3f80, 0x3c00, 0x3f800000},
      {-2.5f, 0xc020, 0xc100, 0xc0200000},
      {1 + 0x1p-8f, 0x3f80, 0x3c04, 0x3f808000},   // a tie of BFloat16: to even
      {1 + 0x3p-8f, 0x3f82, 0x3c0c, 0x3f818000},   // likewise, upwards
      {1 + 0x1p-11f, 0x3f80, 0x3c00, 0x3f802000},  // a tie of Half and TF32: even, away
      {1 + 0x3p-11f, 0x3f80, 0x3c02, 0x3f804000},
      {65504.0f, 0x4780, 0x7bff, 0x477fe000},
      {65519.99f, 0x4780, 0x7bff, 0x477fe000},
      {65520.0f, 0x4780, 0x7c00, 0x47800000},
      {0x1p-14f, 0x3880, 0x0400, 0x38800000},
      {0x1p-14f - 0x1p-24f, 0x3880, 0x03ff, 0x387fc000},
      {-0x1p-24f, 0xb380, 0x8001, 0xb3800000},
      {0x1p-25f, 0x3300, 0x0000, 0x33000000},  // half of the smallest: to even
      {0x3p-25f, 0x33c0, 0x0002, 0x33c00000},
      {kInf, 0x7f80, 0x7c00, 0x7f800000},
      {-kInf, 0xff80, 0xfc00, 0xff800000},
      {std::numeric_limits<float>::max(), 0x7f80, 0x7c00, 0x7f800000},
      {kNaN, 0x7fff, 0x7fff, 0x7fffffff},
  };
  std::vector<float> values;
  for (const Expected& one : cases) values.push_back(one.value);
  const int count = static_cast<int>(values.size());
  const Array<float> in(values);
  const Array<uint32_t> out(5 * values.size());
  expectOk(launchConvert(configure(1, 64), in.data(), out.data(), count));
  const std::vector<uint32_t> bits = out.values();
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(bits[i], cases[i].bfloat) << values[i];
    EXPECT_EQ(bits[count + i], cases[i].half) << values[i];
    EXPECT_EQ(bits[2 * count + i], cases[i].tf32) << values[i];
    EXPECT_EQ(bits[3 * count + i], cases[i].bfloat << 16) << values[i];
    float back;
    std::memcpy(&back, &bits[4 * count + i], sizeof back);
    if (std::isnan(values[i])) {
      EXPECT_TRUE(std::isnan(back));
    } else if (cases[i].half % 0x8000 != 0x7c00) {
      EXPECT_NEAR(back, values[i], std::max(0x1p-25f, std::abs(values[i]) * 0x1p-11f));
    } else {
      EXPECT_TRUE(std::isinf(back));
    }
  }
}

// --- copies beside the threads ------------------------------------------------------------------

std::vector<float> copied(int valid, int groups, bool single, size_t sharedBytes = 512) {
  const Array<float> in(ramp(4 * 32));
  const Array<float> out(4 * 32);
  expectOk(launchCopies(withShared(configure(1, 32), sharedBytes), in.data(), out.data(), valid,
                        groups, single));
  return out.values();
}

TEST(CudaEmulator, CopiesAsFarAsValid) {
  for (const bool single : {false, true}) {
    const std::vector<float> values = copied(20, 2, single);
    for (int i = 0; i < 128; ++i) EXPECT_EQ(values[i], i < 80 ? i + 1 : 0);
  }
}

TEST(CudaEmulator, CopiesThatAreNotWaitedForAreSeen) {
  for (const float x : copied(32, 0, false)) EXPECT_TRUE(std::isnan(x));
  const std::vector<float> values = copied(32, 1, true);
  for (int i = 0; i < 128; ++i) EXPECT_EQ(std::isnan(values[i]), i % 4 >= 2) << i;
}

// --- what a program does wrong ------------------------------------------------------------------

using CudaEmulatorDeathTest = testing::Test;

TEST(CudaEmulatorDeathTest, DivergentBarriers) {
  const auto run = [](cudaError_t launched) {
    expectOk(launched);
    cudaDeviceSynchronize();
  };
  EXPECT_DEATH(run(launchDivergent(configure(1, 32), true)),
               "16 in __syncthreads, 16 in __syncwarp of lanes 0xffffffff");
  EXPECT_DEATH(run(launchDivergent(configure(1, 64), false)), "32 in __syncthreads");
  EXPECT_DEATH(run(launchMixedBarriers(configure(1, 64))),
               "different functions: __syncthreads and __syncthreads_or");
}

TEST(CudaEmulatorDeathTest, WritingBehindAnAllocation) {
  EXPECT_DEATH(
      {
        const Array<float> in(ramp(32));
        const Array<float> out(31);
        launchScale(configure(1, 32), in.data(), 2, out.data(), 32);
        cudaDeviceSynchronize();
      },
      "behind memory of 124 bytes|buffer-overflow|use-after-poison");
}

TEST(CudaEmulatorDeathTest, WritingBehindSharedMemory) {
  EXPECT_DEATH(copied(32, 2, true, 508), "behind memory of 508 bytes|buffer-overflow");
}

TEST(CudaEmulatorDeathTest, CopiesFromWhereNothingCanBeCopied) {
  const auto run = [](int offset) {
    const Array<float> in(ramp(4 * 32));
    const Array<float> out(4 * 32);
    launchCopies(withShared(configure(1, 32), 512), in.data() + offset, out.data(), 32, 2, false);
    cudaDeviceSynchronize();
  };
  EXPECT_DEATH(run(1), "misaligned");
  EXPECT_DEATH(run(4), "not memory of a device");
}

#if defined(__SANITIZE_ADDRESS__)
TEST(CudaEmulatorDeathTest, HostReadsDeviceMemory) {
  const Array<float> x(ramp(1));
  EXPECT_DEATH(std::printf("%f", x.data()[0]), "use-after-poison");
}
#endif

TEST(CudaEmulatorDeathTest, HostMemoryAsAnArgument) {
  EXPECT_DEATH(
      {
        const std::vector<float> in(32);
        const Array<float> out(32);
        launchScale(configure(1, 32), in.data(), 2, out.data(), 32);
        cudaDeviceSynchronize();
      },
      "not memory of a device");
}

TEST(CudaEmulatorDeathTest, EarlyKernelThatDoesNotAwait) {
  const Setting setting("SLUICE_EMULATOR_CAPABILITY", "90");
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = configure(1, 32);
  config.attrs = &attribute;
  config.numAttrs = 1;
  const Array<float> in(ramp(32));
  const Array<float> out(32);
  expectOk(launchEarly(config, true, in.data(), out.data()));
  EXPECT_EQ(out.values(), ramp(32));
  EXPECT_DEATH(
      {
        launchEarly(config, false, in.data(), out.data());
        cudaDeviceSynchronize();
      },
      "does not await");
}

}  // namespace
}  // namespace sluice::test
