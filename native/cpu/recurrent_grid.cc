#include "cpu/recurrent_grid.h"

#include <algorithm>
#include <chrono>

#include "cpu/speed.h"

namespace sluice::cpu {
namespace {

// Nanoseconds that are too short to be measured in a moment, or depend on what else the machine
// does.
constexpr double kGatesNs = 12;     // of a vector of units
constexpr double kMeetingNs = 400;  // of the members of a group

double sequenceNs(const Speed& speed, const RecurrentExtents& e, const RecurrentGrid& grid,
                  double passes) {
  const int64_t rows = (e.B + grid.groups - 1) / grid.groups;
  if (rows == 0) return 0;
  const RowTiles tiles(rows, tileKernels().maxRowsOf(e.cell->gates));
  const int64_t blocks = (e.blocks + grid.members - 1) / grid.members;
  const int64_t panel = e.cell->gates * e.lanes;
  // One k of a panel: against all rows, and against one where its weights come from far away.
  const double near = 2e9 * static_cast<double>(tiles.count() * tiles.tallest() * panel) /
                      speed.tile[tiles.tallest() - 1];
  const double far = 2e9 * static_cast<double>(panel) / speed.farRow;
  const int64_t weights = blocks * panel * e.H * int64_t{sizeof(float)};
  const double recurrent = weights > speed.nearBytes ? std::max(near, far) : near;
  const double work = static_cast<double>(blocks) *
                      (recurrent * static_cast<double>(e.H) + near * static_cast<double>(e.I) +
                       kGatesNs * static_cast<double>(rows));
  const double turn = passes * work + (grid.members > 1 ? kMeetingNs : 0);
  return static_cast<double>(e.T) * turn + (grid.threads() > 1 ? kRecurrentRegionNs : 0);
}

RecurrentGrid forced{0, 0};

}  // namespace

void forceRecurrentGrid(const RecurrentGrid& grid) noexcept { forced = grid; }
bool recurrentGridIsForced() noexcept { return forced.threads() > 0; }

double expectedRecurrentNs(const RecurrentExtents& e, const RecurrentGrid& grid,
                           double passes) noexcept {
  return sequenceNs(speed(), e, grid, passes);
}

RecurrentGrid chooseRecurrentGrid(const RecurrentExtents& e, bool fused, int threads,
                                  double passes) noexcept {
  // Whatever the machine, this little is done before another thread has woken.
  constexpr int64_t kSmall = 1 << 18;
  if (threads > 1 && forced.threads() > 0) {
    const int groups =
        static_cast<int>(std::clamp<int64_t>(forced.groups, 1, std::max<int64_t>(e.B, 1)));
    return {groups, fused ? static_cast<int>(std::min<int64_t>(forced.members, e.blocks)) : 1};
  }
  if (threads <= 1 || 2 * e.B * e.T * e.columns() * (e.H + e.I) < kSmall) return {};
  const Speed& measured = speed();
  RecurrentGrid best;
  double bestNs = sequenceNs(measured, e, best, passes);
  const auto consider = [&](const RecurrentGrid& grid) {
    const double ns = sequenceNs(measured, e, grid, passes);
    if (ns < bestNs) {
      best = grid;
      bestNs = ns;
    }
  };
  for (int groups = 1; groups <= std::min<int64_t>(e.B, threads); ++groups) {
    consider({groups, 1});
    if (!fused || groups > RecurrentMeetings::kMaxGroups) continue;
    const int most = static_cast<int>(std::min<int64_t>(threads / groups, e.blocks));
    for (int members = 2; members <= most; ++members) consider({groups, members});
  }
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

RecurrentWatch::RecurrentWatch(double expectedNs) noexcept
    : expectedNs_(expectedNs), startNs_(expectedNs > 0 ? nowNs() : 0) {}

RecurrentWatch::~RecurrentWatch() {
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

bool RecurrentWatch::maySplit() noexcept {
  return nowNs() >= heldUntilNs.load(std::memory_order_relaxed);
}

void RecurrentProgress::await(int64_t turns) const noexcept {
  for (int group = 0; group < groups_; ++group) {
    const std::atomic<int64_t>& done = done_[static_cast<size_t>(group)];
    for (int turn = 0; done.load(std::memory_order_acquire) < turns; ++turn) waitATurn(turn);
  }
}

RecurrentShare recurrentShareOf(const RecurrentExtents& e, const RecurrentGrid& grid,
                                int thread) noexcept {
  RecurrentShare share;
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
  share.rows = e.masked ? RecurrentRows{share.group, grid.groups, count}
                        : RecurrentRows{share.rowsBefore, 1, count};
  const Range blocks = partOf(e.blocks, 1, share.member, grid.members);
  share.blockBegin = blocks.begin;
  share.blockEnd = blocks.end;
  return share;
}

}  // namespace sluice::cpu
