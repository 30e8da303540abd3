// Whether the linked BLAS can be called from several threads at a time: Debian's serial OpenBLAS,
// for one, gives wrong products now and then.
#include "cpu/blas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "cpu/parallel.h"
#include "support/tensor.h"

namespace sluice::cpu {
namespace {

struct Problem {
  int64_t m, n, k;
  std::vector<float> a, b;

  Problem(int64_t rows, int64_t columns, int64_t depth, uint64_t seed)
      : m(rows), n(columns), k(depth) {
    test::Random random(seed);
    for (int64_t i = 0; i < m * k; ++i) a.push_back(static_cast<float>(random.uniform(-1, 1)));
    for (int64_t i = 0; i < k * n; ++i) b.push_back(static_cast<float>(random.uniform(-1, 1)));
  }
  std::vector<float> product() const {
    std::vector<float> c(static_cast<size_t>(m * n), 0.0f);
    blas::sgemm(blas::Transpose::No, blas::Transpose::No, m, n, k, a.data(), k, b.data(), n, 0,
                c.data(), n);
    return c;
  }
};

TEST(CpuBlas, MultipliesTransposedMatrices) {
  const int64_t m = 5, n = 7, k = 11;
  const Problem p(m, n, k, 1);
  std::vector<float> c(static_cast<size_t>(m * n), 2.0f);
  // A is stored [k,m].
  blas::sgemm(blas::Transpose::Yes, blas::Transpose::No, m, n, k, p.a.data(), m, p.b.data(), n, 1,
              c.data(), n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double want = 2;
      for (int64_t l = 0; l < k; ++l)
        want += double{p.a[static_cast<size_t>(l * m + i)]} * p.b[static_cast<size_t>(l * n + j)];
      EXPECT_NEAR(c[static_cast<size_t>(i * n + j)], want, 1e-5);
    }
  }
}

TEST(CpuBlas, DescribesTheKernelsThatWereAskedFor) {
  const char* core = std::getenv("SLUICE_TEST_BLAS_CORE");  // set with OPENBLAS_CORETYPE
  if (!core) GTEST_SKIP() << "no kernel family was asked for";
  EXPECT_NE(blas::description().find(core), std::string::npos) << blas::description();
}

// The sizes have remainders in every direction and several blocks of any kernel family's, and in
// between those of a training step. scripts/check-blas-families.mjs runs this once a family.
TEST(CpuBlas, MultipliesMatricesOfManySizes) {
  constexpr int64_t kSizes[][3] = {{1, 1, 1},    {3, 33, 2},    {16, 48, 17},    {32, 192, 64},
                                   {67, 45, 89}, {129, 65, 31}, {130, 331, 403}, {65, 131, 1029}};
  for (const auto& [m, n, k] : kSizes) {
    const Problem p(m, n, k, static_cast<uint64_t>(m));
    const std::vector<float> c = p.product();
    double worst = 0;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double want = 0;
        for (int64_t l = 0; l < k; ++l)
          want += double{p.a[static_cast<size_t>(i * k + l)]} * p.b[static_cast<size_t>(l * n + j)];
        worst = std::max(worst, std::abs(want - c[static_cast<size_t>(i * n + j)]));
      }
    }
    // Each addend rounds a sum of at most k, by half of 2^-23; the errors hardly ever add up.
    EXPECT_LT(worst, 1e-6 * static_cast<double>(k) + 1e-6)
        << m << " x " << n << " x " << k << ", " << blas::description();
  }
}

TEST(CpuBlas, ManyThreadsGetTheProductOfOne) {
  ASSERT_EQ(blas::whyNotUsable(), nullptr) << blas::description();
  const Problem problems[] = {{64, 64, 64, 1}, {65, 30, 200, 2}, {128, 192, 300, 3}};
  std::vector<std::vector<float>> want;
  for (const Problem& p : problems) want.push_back(p.product());
  std::atomic<int> wrong{0};
  const auto hammer = [&](int first) {
    for (int repeat = 0; repeat < 1500; ++repeat) {
      const size_t i = static_cast<size_t>(first + repeat) % std::size(problems);
      if (problems[i].product() != want[i]) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(hammer, t);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  parallelRegion(4, [&](int thread, int) { hammer(thread); });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace sluice::cpu
