// Threads of the CPU backend. parallel.cc is the only file that knows OpenMP.
//
// Where the work is cut never decides a result: kernels cut by shape alone and give the pieces out.
// At most one thread of the process runs regions of more than one thread at a time (the engine's
// scheduler sees to that); should another one try, its body runs on the calling thread instead.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <type_traits>

namespace sluice::cpu {

// IEEE arithmetic while it lives, whatever the host has set: no flush to zero, rounding to nearest.
// Regions hold one on each of their threads.
class FloatingPointMode {
 public:
  FloatingPointMode() noexcept;
  ~FloatingPointMode();
  FloatingPointMode(const FloatingPointMode&) = delete;
  FloatingPointMode& operator=(const FloatingPointMode&) = delete;

 private:
  uint64_t saved_;
};

// While it lives, an OpenMP library called on this thread (OpenBLAS) opens no region of its own.
class OneThreadScope {
 public:
  OneThreadScope() noexcept;
  ~OneThreadScope();
  OneThreadScope(const OneThreadScope&) = delete;
  OneThreadScope& operator=(const OneThreadScope&) = delete;

 private:
  int saved_;
};

// One turn of a wait for another thread of the region. Spins, because the wait is a fraction of a
// step; gives the core away when it lasts, because the cores may be shared.
void waitATurn(int turn) noexcept;

// Threads of a region meet here.
class Barrier {
 public:
  // Every one of the region's `threads` threads calls it.
  void wait(int threads) noexcept;

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> round_{0};
};

namespace internal {
using RegionBody = void (*)(void* state, int thread, int threads);
void runRegion(int threads, RegionBody body, void* state) noexcept;
}  // namespace internal

// Runs body(thread, count) once on each of `count` threads, 1 <= count <= max(threads, 1); on the
// calling thread alone when threads <= 1. The body must be noexcept in effect.
template <typename F>
void parallelRegion(int threads, F&& body) {
  using Body = std::remove_reference_t<F>;
  const auto call = [](void* state, int thread, int count) {
    (*static_cast<Body*>(state))(thread, count);
  };
  internal::runRegion(threads, call, const_cast<void*>(static_cast<const void*>(&body)));
}

// The part of [0, n) that is this thread's when it is cut at multiples of grain.
struct Range {
  int64_t begin;
  int64_t end;
};
inline Range partOf(int64_t n, int64_t grain, int thread, int threads) {
  const int64_t blocks = (n + grain - 1) / grain;
  const int64_t begin = blocks * thread / threads * grain;
  const int64_t end = blocks * (thread + 1) / threads * grain;
  return {std::min(begin, n), std::min(end, n)};
}

// Runs body(begin, end) over [0, n) cut at multiples of grain, on at most `threads` threads; on the
// calling thread when threads <= 1 or n <= grain.
template <typename F>
void parallelFor(int threads, int64_t n, int64_t grain, F&& body) {
  if (n <= 0) return;
  const int64_t blocks = (n + grain - 1) / grain;
  const int wanted = static_cast<int>(std::min<int64_t>(threads, blocks));
  parallelRegion(wanted, [&](int thread, int count) {
    const Range range = partOf(n, grain, thread, count);
    if (range.begin < range.end) body(range.begin, range.end);
  });
}

// Runs body(task) for each task in [0, count), handed out one by one to whichever thread is free.
template <typename F>
void parallelTasks(int threads, int64_t count, F&& body) {
  if (count <= 0) return;
  std::atomic<int64_t> next{0};
  parallelRegion(static_cast<int>(std::min<int64_t>(threads, count)), [&](int, int) {
    for (int64_t task = next.fetch_add(1, std::memory_order_relaxed); task < count;
         task = next.fetch_add(1, std::memory_order_relaxed))
      body(task);
  });
}

}  // namespace sluice::cpu
