#include "cpu/parallel.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::cpu {
namespace {

TEST(CpuParallel, ForCoversEveryElementOnceAndCutsAtTheGrain) {
  for (const int threads : {0, 1, 2, 3, 8, 40}) {
    for (const int64_t n : {0, 1, 7, 16, 17, 1000}) {
      for (const int64_t grain : {1, 8, 64}) {
        std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
        std::atomic<int> cuts{0};
        parallelFor(threads, n, grain, [&](int64_t begin, int64_t end) {
          if (begin % grain != 0 || (end % grain != 0 && end != n)) ++cuts;
          for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
        });
        EXPECT_EQ(cuts, 0);
        for (const auto& count : seen) ASSERT_EQ(count, 1);
      }
    }
  }
}

TEST(CpuParallel, TasksRunOnce) {
  std::vector<std::atomic<int>> seen(1000);
  parallelTasks(3, 1000, [&](int64_t task) { ++seen[static_cast<size_t>(task)]; });
  for (const auto& count : seen) ASSERT_EQ(count, 1);
}

TEST(CpuParallel, OneThreadStaysOnTheCallingThread) {
  const auto caller = std::this_thread::get_id();
  parallelRegion(1, [&](int thread, int threads) {
    EXPECT_EQ(thread, 0);
    EXPECT_EQ(threads, 1);
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
  parallelFor(8, 10, 10, [&](int64_t, int64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(CpuParallel, RegionsInsideRegionsAndOnOtherThreadsRunInline) {
  std::atomic<int> inner{0};
  parallelRegion(2, [&](int, int threads) {
    EXPECT_EQ(threads, 2);
    parallelRegion(2, [&](int, int nested) {
      EXPECT_EQ(nested, 1);
      ++inner;
    });
  });
  EXPECT_EQ(inner, 2);
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat)
        parallelFor(2, 100, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 50 * 100);
}

TEST(CpuParallel, BarrierSeparatesRounds) {
  constexpr int kThreads = 3;
  Barrier barrier;
  std::vector<int> values(kThreads, 0);
  std::atomic<int> wrong{0};
  parallelRegion(kThreads, [&](int thread, int threads) {
    for (int round = 1; round <= 500; ++round) {
      values[static_cast<size_t>(thread)] = round;
      barrier.wait(threads);
      for (int other = 0; other < threads; ++other)
        if (values[static_cast<size_t>(other)] != round) ++wrong;
      barrier.wait(threads);
    }
  });
  EXPECT_EQ(wrong, 0);
}

#if defined(__x86_64__)
TEST(CpuParallel, ArithmeticIsIeeeOnEveryThreadAndTheHostsModeIsRestored) {
  const uint32_t before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // flush to zero, denormals are zero
  const uint32_t hosts = _mm_getcsr();
  for (const int threads : {1, 3}) {
    std::atomic<int> flushed{0};
    parallelRegion(threads, [&](int, int) {
      volatile float small = std::numeric_limits<float>::min();
      volatile float half = small / 2;
      if (half == 0 || std::fegetround() != FE_TONEAREST) ++flushed;
    });
    EXPECT_EQ(flushed, 0);
    EXPECT_EQ(_mm_getcsr() & 0xFFC0, hosts & 0xFFC0);
  }
  _mm_setcsr(before);
}
#endif

}  // namespace
}  // namespace sluice::cpu
