#include "cpu/parallel.h"

#include <omp.h>

#include <exception>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::cpu {
namespace {

#if defined(__x86_64__)
constexpr uint64_t kIeeeMode = 0x1F80;  // every exception masked, nearest, no DAZ, no FTZ
uint64_t readMode() { return _mm_getcsr(); }
void writeMode(uint64_t mode) { _mm_setcsr(static_cast<uint32_t>(mode)); }
void pause() { _mm_pause(); }
#elif defined(__aarch64__)
constexpr uint64_t kIeeeMode = 0;
uint64_t readMode() {
  uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}
void writeMode(uint64_t mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
void pause() { asm volatile("yield"); }
#else
constexpr uint64_t kIeeeMode = 0;
uint64_t readMode() { return kIeeeMode; }
void writeMode(uint64_t) {}
void pause() {}
#endif

// Whether some thread has a region of several threads open.
std::atomic<bool> regionOpen{false};

// How many threads a region gets of those wanted. libgomp ends the process when the system grants
// it fewer (a limit on processes), so a larger team than ever before is tried out first, with
// threads that do nothing. Called by whoever holds regionOpen.
int teamOf(int wanted) {
  static int granted = 1;
  static bool atLimit = false;
  if (wanted <= granted || atLimit) return std::min(wanted, granted);
  std::atomic<bool> leave{false};
  std::vector<std::thread> tried;
  try {
    while (granted + static_cast<int>(tried.size()) < wanted)
      tried.emplace_back([&leave] { leave.wait(false); });
  } catch (const std::exception&) {
    atLimit = true;
  }
  leave.store(true);
  leave.notify_all();
  for (std::thread& thread : tried) thread.join();
  granted += static_cast<int>(tried.size());
  // Room for what else the process may want to start.
  if (atLimit) granted = std::max(1, granted / 2);
  return std::min(wanted, granted);
}

}  // namespace

FloatingPointMode::FloatingPointMode() noexcept : saved_(readMode()) {
  if (saved_ != kIeeeMode) writeMode(kIeeeMode);
}
// The sticky exception flags are dropped with the rest.
FloatingPointMode::~FloatingPointMode() { writeMode(saved_); }

OneThreadScope::OneThreadScope() noexcept : saved_(omp_get_max_threads()) {
  if (saved_ != 1) omp_set_num_threads(1);
}
OneThreadScope::~OneThreadScope() {
  if (saved_ != 1) omp_set_num_threads(saved_);
}

void waitATurn(int turn) noexcept {
  if (turn < 4096)
    pause();
  else
    std::this_thread::yield();
}

void Barrier::wait(int threads) noexcept {
  if (threads <= 1) return;
  const uint32_t round = round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == threads - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    return;
  }
  for (int turn = 0; round_.load(std::memory_order_acquire) == round; ++turn) waitATurn(turn);
}

// After a region libgomp's threads spin for a while before they sleep: a gain for regions that
// follow one another, a loss for the rest of the machine. How long is for who loads this library to
// say (lib/addon/waiting.ts), since libgomp reads it from the environment when it is loaded.
void internal::runRegion(int threads, RegionBody body, void* state) noexcept {
  if (threads > 1 && !regionOpen.exchange(true, std::memory_order_acquire)) {
    const int team = teamOf(threads);
#pragma omp parallel num_threads(team)
    {
      const FloatingPointMode mode;
      body(state, omp_get_thread_num(), omp_get_num_threads());
    }
    regionOpen.store(false, std::memory_order_release);
    return;
  }
  const FloatingPointMode mode;
  body(state, 0, 1);
}

}  // namespace sluice::cpu
