// The row-invariant matrix product: its result, its bits, and what it leaves alone.
#include "cpu/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cpu/pack.h"
#include "cpu/targets.h"
#include "support/tensor.h"

namespace sluice::cpu {
namespace {

using test::onEveryTarget;

struct Matrices {
  int64_t rows, k, n;
  std::vector<float> a, b, c, start;

  Matrices(int64_t rowCount, int64_t depth, int64_t columns, uint64_t seed)
      : rows(rowCount),
        k(depth),
        n(columns),
        a(size(rows * k)),
        b(size(k * n)),
        c(size(rows * n)),
        start(size(n)) {
    test::Random random(seed);
    for (auto* values : {&a, &b, &c, &start})
      for (float& value : *values) value = static_cast<float>(random.uniform(-1, 1));
    start.resize(size(roundUp(n, kMaxLanes)));
  }
  static size_t size(int64_t n) { return static_cast<size_t>(n); }

  std::vector<float> packed() const {
    const int64_t lanes = tileKernels().lanes;
    std::vector<float> out(size(packedFloats(lanes, k, n)), NAN);
    packMatrix(lanes, k, n, b.data(), n, 1, out.data());
    return out;
  }
};

// With the start, or adding to what C holds. C's rows lie 3 floats apart, which must survive.
std::vector<float> product(const Matrices& m, bool accumulate, int64_t row, int64_t rows,
                           int threads = 1) {
  const int64_t ldc = m.n + 3;
  std::vector<float> c(m.size(rows * ldc), 77.0f);
  if (accumulate)
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(m.c.data() + (row + r) * m.n, m.n, c.data() + r * ldc);
  const std::vector<float> packed = m.packed();
  Product p;
  p.a = m.a.data() + row * m.k;
  p.lda = m.k;
  p.b = packed.data();
  p.c = c.data();
  p.ldc = ldc;
  p.rows = rows;
  p.k = m.k;
  p.n = m.n;
  p.accumulate = accumulate;
  if (!accumulate) p.start = m.start.data();
  multiply(threads, p);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = m.n; j < ldc; ++j)
      EXPECT_EQ(c[m.size(r * ldc + j)], 77.0f) << "written past the columns";
  return c;
}

TEST(CpuGemm, MultipliesEveryShape) {
  onEveryTarget([] {
    for (const int64_t rows : {1, 2, 3, 4, 5, 7, 8, 9, 17, 200}) {
      for (const int64_t n : {1, 3, 4, 8, 16, 23, 24, 25, 48, 49, 96, 150, 193}) {
        for (const int64_t k : {0, 1, 5, 64, 300}) {
          if (rows > 20 && k > 5 && n < 100) continue;
          const Matrices m(rows, k, n, static_cast<uint64_t>(rows * 1000 + n));
          for (const bool accumulate : {false, true}) {
            const std::vector<float> c = product(m, accumulate, 0, rows);
            for (int64_t r = 0; r < rows; ++r) {
              for (int64_t j = 0; j < n; ++j) {
                double want = accumulate ? m.c[m.size(r * n + j)] : m.start[m.size(j)];
                for (int64_t i = 0; i < k; ++i)
                  want += double{m.a[m.size(r * k + i)]} * m.b[m.size(i * n + j)];
                ASSERT_NEAR(c[m.size(r * (n + 3) + j)], want,
                            1e-6 * std::sqrt(static_cast<double>(k + 1)) * 4);
              }
            }
          }
        }
      }
    }
  });
}

TEST(CpuGemm, RowsDoNotDependOnEachOther) {
  onEveryTarget([] {
    for (const int64_t n : {16, 70, 200}) {
      const Matrices m(40, 600, n, 3);
      for (const bool accumulate : {false, true}) {
        const std::vector<float> all = product(m, accumulate, 0, m.rows);
        for (int64_t rows = 1; rows <= 17; ++rows) {
          for (int64_t row = 0; row + rows <= m.rows; row += rows) {
            const std::vector<float> some = product(m, accumulate, row, rows);
            ASSERT_TRUE(std::equal(some.begin(), some.end(), all.begin() + row * (n + 3)))
                << rows << " from " << row;
          }
        }
      }
    }
  });
}

TEST(CpuGemm, ThreadsDoNotMatter) {
  onEveryTarget([] {
    for (const int64_t rows : {1, 6, 50, 500}) {
      const Matrices m(rows, 700, 300, 4);
      const std::vector<float> alone = product(m, false, 0, rows, 1);
      for (const int threads : {2, 3, 8})
        EXPECT_EQ(product(m, false, 0, rows, threads), alone) << rows;
    }
  });
}

TEST(CpuGemm, RowsInTwoLevels) {
  onEveryTarget([] {
    const int64_t outer = 5, inner = 7, k = 33, n = 50;
    const Matrices m(outer * inner, k, n, 5);
    const std::vector<float> want = product(m, false, 0, m.rows);
    const std::vector<float> packed = m.packed();
    std::vector<float> c(want.size(), 77.0f);
    // Row (o, i) of the product is row i * outer + o of A, and the inner rows are walked backwards.
    Product p;
    p.a = m.a.data() + (inner - 1) * outer * k;
    p.lda = -outer * k;
    p.outer = outer;
    p.outerA = k;
    p.b = packed.data();
    p.c = c.data() + (inner - 1) * outer * (n + 3);
    p.ldc = -outer * (n + 3);
    p.outerC = n + 3;
    p.rows = inner;
    p.k = k;
    p.n = n;
    p.start = m.start.data();
    multiply(p);
    EXPECT_EQ(c, want);
  });
}

}  // namespace
}  // namespace sluice::cpu
