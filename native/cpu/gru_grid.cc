#include "cpu/gru_grid.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <vector>

namespace sluice::cpu {
namespace {

// Nanoseconds, measured once in a process. Only speed depends on them.
struct Costs {
  // One k of one panel against a tile of so many rows, its weights in the first-level cache.
  std::array<double, kMaxTileRows + 1> tile{};
  // The same for one row with weights from the last-level cache: what reading them takes.
  double farPanel = 0;
  int64_t nearBytes = 0;  // weights up to this size stay near a core

  // What is too small to be measured in a moment, or depends on what else the machine does.
  static constexpr double kGates = 12;     // of a vector of units
  static constexpr double kMeeting = 400;  // of the members of a group
};

double fastestNs(int tries, const auto& body) {
  using Clock = std::chrono::steady_clock;
  double fastest = INFINITY;
  for (int i = 0; i < tries; ++i) {
    const Clock::time_point start = Clock::now();
    body();
    fastest =
        std::min(fastest, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  }
  return fastest;
}

Costs measure() {
  constexpr int64_t kDepth = 128;
  constexpr int64_t kFarPanels = 128;
  constexpr int kRepeats = 16;
  const TileKernels& kernels = tileKernels();
  const int64_t panel = kPanelVectors * kernels.lanes;
  std::vector<float> a(static_cast<size_t>(kMaxTileRows * kDepth));
  std::vector<float> b(static_cast<size_t>(kFarPanels * kDepth * panel));
  std::vector<float> c(static_cast<size_t>(kMaxTileRows * panel));
  TileArgs args{};
  args.a = a.data();
  args.lda = kDepth;
  args.aStep = 1;
  args.b = b.data();
  args.bStep = panel;
  args.k = kDepth;
  args.init = c.data();
  args.ldInit = panel;
  args.init2 = c.data() + 2 * kernels.lanes;
  args.ldInit2 = panel;
  args.out = c.data();
  args.ldOut = panel;

  Costs costs;
  for (int64_t rows = 1; rows <= kernels.maxRows; ++rows) {
    const TileKernel kernel = kernels.rows[kPanelVectors - 1][rows - 1];
    const double ns = fastestNs(5, [&] {
      for (int i = 0; i < kRepeats; ++i) kernel(args);
    });
    costs.tile[static_cast<size_t>(rows)] = ns / (kRepeats * kDepth);
  }
  const TileKernel oneRow = kernels.rows[kPanelVectors - 1][0];
  const double ns = fastestNs(3, [&] {
    for (int64_t p = 0; p < kFarPanels; ++p) {
      args.b = b.data() + p * kDepth * panel;
      oneRow(args);
    }
  });
  costs.farPanel = ns / static_cast<double>(kFarPanels * kDepth);
#if defined(_SC_LEVEL2_CACHE_SIZE)
  costs.nearBytes = sysconf(_SC_LEVEL2_CACHE_SIZE) / 2;
#endif
  if (costs.nearBytes <= 0) costs.nearBytes = 256 << 10;
  return costs;
}

const Costs& costs() {
  static const Costs kCosts = [] {
    try {
      return measure();
    } catch (const std::exception&) {  // no memory: all tiles alike, so many rows and few threads
      return Costs{};
    }
  }();
  return kCosts;
}

double sequenceNs(const Costs& c, const GruExtents& e, const GruGrid& grid, double passes) {
  const TileKernels& kernels = tileKernels();
  const int64_t rows = (e.B + grid.groups - 1) / grid.groups;
  const int64_t blocks = (e.blocks + grid.members - 1) / grid.members;
  const int64_t tiles = (rows + kernels.maxRows - 1) / kernels.maxRows;
  const auto tile =
      static_cast<double>(tiles) * c.tile[static_cast<size_t>((rows + tiles - 1) / tiles)];
  const int64_t weights = blocks * kPanelVectors * e.lanes * e.H * int64_t{sizeof(float)};
  const double perDepth = weights > c.nearBytes ? std::max(tile, c.farPanel) : tile;
  const auto work = static_cast<double>(blocks) *
                    (perDepth * static_cast<double>(e.H) + tile * static_cast<double>(e.I) +
                     Costs::kGates * static_cast<double>(rows));
  const double turn = passes * work + (grid.members > 1 ? Costs::kMeeting : 0);
  return static_cast<double>(e.T) * turn + (grid.threads() > 1 ? kGruRegionNs : 0);
}

GruGrid forced{0, 0};

}  // namespace

void forceGruGrid(const GruGrid& grid) noexcept { forced = grid; }
bool gruGridIsForced() noexcept { return forced.threads() > 0; }

double expectedGruNs(const GruExtents& e, const GruGrid& grid, double passes) noexcept {
  return sequenceNs(costs(), e, grid, passes);
}

GruGrid chooseGruGrid(const GruExtents& e, bool fused, int threads, double passes,
                      double* expectedNs) noexcept {
  // Whatever the machine, this little is done before another thread has woken.
  constexpr int64_t kSmall = 1 << 18;
  if (threads > 1 && forced.threads() > 0) {
    const int groups =
        static_cast<int>(std::clamp<int64_t>(forced.groups, 1, std::max<int64_t>(e.B, 1)));
    return {groups, fused ? static_cast<int>(std::min<int64_t>(forced.members, e.blocks)) : 1};
  }
  if (threads <= 1 || 6 * e.B * e.T * e.H * (e.H + e.I) < kSmall) return {};
  const Costs& c = costs();
  GruGrid best;
  double bestNs = sequenceNs(c, e, best, passes);
  const auto consider = [&](const GruGrid& grid) {
    const double ns = sequenceNs(c, e, grid, passes);
    if (ns < bestNs) {
      best = grid;
      bestNs = ns;
    }
  };
  for (int groups = 1; groups <= std::min<int64_t>(e.B, threads); ++groups) {
    consider({groups, 1});
    if (!fused || groups > GruMeetings::kMaxGroups) continue;
    const int most = static_cast<int>(std::min<int64_t>(threads / groups, e.blocks));
    for (int members = 2; members <= most; ++members) consider({groups, members});
  }
  if (expectedNs) *expectedNs = bestNs;
  return best;
}

namespace {

using Clock = std::chrono::steady_clock;

// How long calls are held off after a slow one: longer each time, but never so long that it matters
// when the processors are free again.
constexpr int64_t kShortestHoldNs = 2'000'000;
constexpr int64_t kLongestHoldNs = 500'000'000;
std::atomic<int64_t> heldUntilNs{0};
std::atomic<int64_t> nextHoldNs{kShortestHoldNs};

int64_t nowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

GruWatch::GruWatch(int threads, double expectedNs) noexcept
    : expectedNs_(threads > 1 ? expectedNs : 0), startNs_(expectedNs_ > 0 ? nowNs() : 0) {}

GruWatch::~GruWatch() {
  if (expectedNs_ <= 0) return;
  const int64_t now = nowNs();
  const int64_t hold = nextHoldNs.load(std::memory_order_relaxed);
  if (static_cast<double>(now - startNs_) < 4 * expectedNs_ + 2e5) {
    nextHoldNs.store(std::max(hold / 2, kShortestHoldNs), std::memory_order_relaxed);
    return;
  }
  heldUntilNs.store(now + hold, std::memory_order_relaxed);
  nextHoldNs.store(std::min(hold * 2, kLongestHoldNs), std::memory_order_relaxed);
}

bool GruWatch::maySplit() noexcept {
  return nowNs() >= heldUntilNs.load(std::memory_order_relaxed);
}

void GruProgress::await(int64_t turns) const noexcept {
  for (int group = 0; group < groups_; ++group) {
    const std::atomic<int64_t>& done = done_[static_cast<size_t>(group)];
    for (int turn = 0; done.load(std::memory_order_acquire) < turns; ++turn) waitATurn(turn);
  }
}

GruShare gruShareOf(const GruExtents& e, const GruGrid& grid, int thread) noexcept {
  GruShare share;
  share.blockEnd = e.blocks;
  if (thread >= grid.threads()) return share;
  share.group = thread / grid.members;
  share.member = thread % grid.members;
  share.members = grid.members;
  const int64_t count = (e.B - share.group + grid.groups - 1) / grid.groups;
  share.rowsBefore =
      share.group * (e.B / grid.groups) + std::min<int64_t>(share.group, e.B % grid.groups);
  // Neighbours, unless their lengths differ: rows at a distance of a power of two compete for the
  // same places of the first-level cache.
  share.rows =
      e.masked ? GruRows{share.group, grid.groups, count} : GruRows{share.rowsBefore, 1, count};
  const Range blocks = partOf(e.blocks, 1, share.member, grid.members);
  share.blockBegin = blocks.begin;
  share.blockEnd = blocks.end;
  return share;
}

}  // namespace sluice::cpu
