#include "cpu/speed.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <vector>

#include "cpu/blas.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

constexpr int64_t kDepth = 128;

// Calls a second, the best of several short times: others use the machine as well.
template <typename F>
double callsPerSecond(F&& call) {
  using Clock = std::chrono::steady_clock;
  const auto secondsOf = [&](int calls) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  constexpr double kSlice = 2e-5;
  int calls = 1;
  while (secondsOf(calls) < kSlice && calls < (1 << 20)) calls *= 2;
  double best = secondsOf(calls);
  for (int round = 0; round < 4; ++round) best = std::min(best, secondsOf(calls));
  return calls / std::max(best, 1e-9);
}

// Of a kernel of so many rows and panels, called for one after the other of `matrices` matrices.
double tileSpeed(const TileKernels& kernels, TileKernel kernel, int64_t rows, int64_t panels,
                 int64_t matrices = 1) {
  const int64_t panel = kPanelVectors * kernels.lanes;
  const int64_t matrix = panels * panel * kDepth;
  const std::vector<float> a(static_cast<size_t>(rows * kDepth), 0.5f);
  const std::vector<float> b(static_cast<size_t>(matrices * matrix), 0.25f);
  std::vector<float> c(static_cast<size_t>(rows * panels * panel));
  TileArgs args{};
  args.a = a.data();
  args.lda = kDepth;
  args.aStep = 1;
  args.ldb = panel * kDepth;
  args.bStep = panel;
  args.k = kDepth;
  args.init = args.init2 = args.out = c.data();
  args.ldInit = args.ldInit2 = args.ldOut = panel;
  args.init2 += 2 * kernels.lanes;
  const double flop = 2.0 * static_cast<double>(rows * matrices * matrix);
  return flop * callsPerSecond([&] {
           for (int64_t m = 0; m < matrices; ++m) {
             args.b = b.data() + m * matrix;
             kernel(args);
           }
         });
}

double measureBlas() {
  constexpr int64_t n = 128;
  const std::vector<float> a(n * n, 0.5f), b(n * n, 0.25f);
  std::vector<float> c(n * n);
  const FloatingPointMode mode;
  return 2.0 * n * n * n * callsPerSecond([&] {
           blas::sgemm(blas::Transpose::Yes, blas::Transpose::No, n, n, n, a.data(), n, b.data(), n,
                       0, c.data(), n);
         });
}

int64_t nearBytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  if (const int64_t cache = sysconf(_SC_LEVEL2_CACHE_SIZE); cache > 0) return cache / 2;
#endif
  return 256 << 10;
}

Speed measure(const TileKernels& kernels) {
  constexpr int64_t kFarPanels = 128;
  const FloatingPointMode mode;
  const auto& byRows = kernels.rows[kPanelVectors - 1];
  Speed speed{};
  for (int64_t rows = 1; rows <= kernels.maxRows; ++rows)
    speed.tile[rows - 1] = tileSpeed(kernels, byRows[rows - 1], rows, 1);
  speed.oneRow = tileSpeed(kernels, kernels.panels[kMaxTilePanels - 1], 1, kMaxTilePanels);
  speed.farRow = tileSpeed(kernels, byRows[0], 1, 1, kFarPanels);
  speed.nearBytes = nearBytes();
  return speed;
}

// Where there is no memory to measure: taller tiles are faster, and that is all that is known.
const Speed& unknownSpeed() {
  static const Speed kSpeed = [] {
    Speed speed{};
    for (int64_t rows = 1; rows <= kMaxTileRows; ++rows)
      speed.tile[rows - 1] = 1e9 * static_cast<double>(rows);
    speed.oneRow = speed.farRow = speed.tile[0];
    speed.nearBytes = nearBytes();
    return speed;
  }();
  return kSpeed;
}

}  // namespace

const Speed& speed() noexcept {
  try {
    // Tests change the instruction set. Never destroyed: it may be read while the process ends.
    static std::mutex mutex;
    static auto* measured = new std::map<const TileKernels*, Speed>;
    const TileKernels& kernels = tileKernels();
    const std::lock_guard lock(mutex);
    const auto found = measured->find(&kernels);
    if (found != measured->end()) return found->second;
    return measured->emplace(&kernels, measure(kernels)).first->second;
  } catch (const std::exception&) {
    return unknownSpeed();
  }
}

double blasSpeed() noexcept {
  try {
    static const double kSpeed = measureBlas();
    return kSpeed;
  } catch (const std::exception&) {
    return unknownSpeed().tile[kMaxTileRows - 1];
  }
}

double productSeconds(int64_t rows, int64_t k, int64_t n) noexcept {
  if (rows <= 0) return 0;
  const Speed& s = speed();
  const TileKernels& kernels = tileKernels();
  const int64_t height = RowTiles(rows, kernels.maxRows).tallest();
  const double flop = 2.0 * static_cast<double>(rows) * static_cast<double>(k) *
                      static_cast<double>(roundUp(n, kernels.lanes));
  return flop / (rows == 1 ? s.oneRow : s.tile[height - 1]);
}

}  // namespace sluice::cpu
