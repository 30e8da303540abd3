// Matrix products of the CUDA backend: every shape and layout, their bits, and what rounding costs.
#include <gtest/gtest.h>

#include <array>

#include "cuda/product_support.h"

namespace sluice::test {
namespace {

void expectProduct(const ProductSpec& spec) {
  SCOPED_TRACE(describe(spec));
  const Setting noLibrary("SLUICE_CUBLAS", "off");
  const auto stream = openStream();
  const ProductRun product(spec);
  const std::vector<float> got = product.run(*stream);
  EXPECT_LE(product.error(got, true), sumBound(spec.k));
  EXPECT_LE(product.error(got, false), sumBound(spec.k) + roundingBound(spec.precision, spec.k));
}

TEST(CudaGemm, MultipliesEveryShape) {
  for (const Precision precision : kPrecisions)
    for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 1, 1},
                                  {3, 5, 7},
                                  {16, 64, 32},
                                  {17, 65, 33},
                                  {40, 36, 100},
                                  {130, 140, 20},
                                  {33, 70, 0},
                                  {5, 10, 1100}})
      for (const int layout : {0, 1, 2, 3})
        for (const int shift : {0, 1, 4})
          expectProduct({.m = m,
                         .n = n,
                         .k = k,
                         .transposeA = (layout & 1) != 0,
                         .transposeB = (layout & 2) != 0,
                         .accumulate = (m + shift) % 2 == 1,
                         .bias = (n + shift) % 2 == 1,
                         .shift = shift,
                         .gap = shift,
                         .precision = precision});
}

// So large that every multiprocessor of the emulated device gets one of the largest tiles.
TEST(CudaGemm, MultipliesByTheLargestTiles) {
  for (const Precision precision : kPrecisions)
    for (const int layout : {0, 1, 2, 3})
      for (const int shift : {0, 1})
        expectProduct({.m = 260,
                       .n = 300,
                       .k = 36,
                       .transposeA = (layout & 1) != 0,
                       .transposeB = (layout & 2) != 0,
                       .bias = true,
                       .shift = shift,
                       .gap = shift,
                       .precision = precision});
}

// Rows alone, a few, and so many that other tiles compute them.
TEST(CudaGemm, RowsDoNotDependOnEachOther) {
  const Setting noLibrary("SLUICE_CUBLAS", "off");
  const auto stream = openStream();
  for (const Precision precision : kPrecisions)
    for (const int64_t n : {40, 300}) {
      ProductSpec spec{
          .m = 300, .n = n, .k = 530, .bias = true, .rowInvariant = true, .precision = precision};
      const ProductRun all(spec);
      const std::vector<float> want = all.run(*stream);
      for (const int64_t rows : {1, 7, 20, 100}) {
        spec.m = rows;
        ProductRun some(spec);
        for (int64_t first = 0; first + rows <= 300; first += 100) {
          some.b = all.b, some.bias = all.bias;
          std::copy_n(all.a.values.begin() + first * 530, rows * 530, some.a.values.begin());
          const std::vector<float> got = some.run(*stream);
          ASSERT_TRUE(std::equal(got.begin(), got.end(), want.begin() + first * n))
              << rows << " rows from " << first << ", " << describe(spec);
        }
      }
    }
}

TEST(CudaGemm, SplitSumsComeOutTheSameInAnyOrder) {
  for (const Precision precision : kPrecisions) {
    const ProductSpec spec{.m = 20,
                           .n = 30,
                           .k = 3000,
                           .transposeA = true,
                           .accumulate = true,
                           .bias = true,
                           .precision = precision};
    expectProduct(spec);
    const ProductRun product(spec);
    const auto stream = openStream();
    const std::vector<float> want = product.run(*stream);
    for (const char* order : {"backward", "random"}) {
      const Setting setting("SLUICE_EMULATOR_ORDER", order);
      EXPECT_EQ(product.run(*stream), want) << order;
    }
  }
}

TEST(CudaGemm, NothingHidesWhatIsNotFinite) {
  const auto stream = openStream();
  for (const Precision precision : kPrecisions)
    for (const float value : {NAN, INFINITY}) {
      ProductRun product({.m = 5, .n = 9, .k = 37, .precision = precision});
      product.a.values[2 * 37 + 36] = value;
      const std::vector<float> got = product.run(*stream);
      for (int64_t i = 0; i < 5; ++i)
        for (int64_t j = 0; j < 9; ++j)
          EXPECT_EQ(std::isfinite(got[product.c.place(i, j)]), i != 2) << i << ", " << j;
    }
}

TEST(CudaGemm, RefusesWhatItCannotCount) {
  const auto stream = openStream();
  RunContext context;
  context.queue = stream.get();
  OpCall call;
  call.context = &context;
  cuda::Product product;
  product.m = product.n = 1;
  product.k = int64_t{1} << 31;
  EXPECT_NE(cuda::multiply(call, product, nullptr), 0);
}

}  // namespace
}  // namespace sluice::test
