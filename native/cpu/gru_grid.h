// How the threads of one call share its work.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <optional>

#include "cpu/gru_schedule.h"
#include "cpu/parallel.h"

namespace sluice::cpu {

// `groups` share out the rows, and walk through the sequence without waiting for each other; the
// `members` of a group share out the units, and meet after every turn. Neither leaves a trace in
// the results.
struct GruGrid {
  int groups = 1;
  int members = 1;

  int threads() const { return groups * members; }
};

// The fastest for this shape by a model of the machine (gru_grid.cc), of at most so many threads.
// `passes`: how often the work of the forward pass is done; expectedNs: how long it will take.
GruGrid chooseGruGrid(const GruExtents& e, bool fused, int threads, double passes,
                      double* expectedNs = nullptr) noexcept;

// Threads wait for each other, at the latest at the end of a call. Where something else wants their
// processors, a wait can last as long as a time slice, and a call of a millisecond ten times as
// long as on one thread. So calls are watched: one that took much longer than expected keeps the
// next ones on one thread, for ever longer as it happens again.
class GruWatch {
 public:
  GruWatch(const GruGrid& grid, double expectedNs) noexcept;
  ~GruWatch();
  GruWatch(const GruWatch&) = delete;
  GruWatch& operator=(const GruWatch&) = delete;

  static bool maySplit() noexcept;

 private:
  double expectedNs_;  // 0: not watched
  std::chrono::steady_clock::time_point start_;
};

// For tests: calls of several threads take this grid as far as their shape allows. {0, 0}: no more.
void forceGruGrid(const GruGrid& grid) noexcept;

// What is a thread's in a grid. Threads beyond the grid have no rows.
struct GruShare {
  GruRows rows;
  int64_t rowsBefore = 0;  // of the groups before
  int group = 0;
  int member = 0;
  int members = 1;         // of its group
  int64_t blockBegin = 0;  // of the vectors of units
  int64_t blockEnd = 0;

  bool first() const { return member == 0; }
};
GruShare gruShareOf(const GruExtents& e, const GruGrid& grid, int thread) noexcept;

// Where the members of each group meet.
struct GruMeetings {
  static constexpr int kMaxGroups = 64;  // of several members

  std::array<Barrier, kMaxGroups> barriers;
  std::array<std::atomic<bool>, kMaxGroups> stopped{};
};

// One thread of a call.
class GruMember {
 public:
  // meetings: null where groups have one member.
  GruMember(const GruExtents& e, const GruGrid& grid, int thread, GruMeetings* meetings)
      : share(gruShareOf(e, grid, thread)), thread(thread), meetings_(meetings) {}

  const GruShare share;
  const int thread;

  // For the others of its group.
  void wait() const noexcept {
    if (share.members > 1)
      meetings_->barriers[static_cast<size_t>(share.group)].wait(share.members);
  }
  // Whether the group goes on, its first member deciding for all. Between two calls they must meet.
  bool goOn(const RunContext* context) const noexcept {
    const bool cancelled = context && context->cancelled();
    if (share.members == 1) return !cancelled;
    std::atomic<bool>& stopped = meetings_->stopped[static_cast<size_t>(share.group)];
    if (share.first() && cancelled) stopped.store(true, std::memory_order_relaxed);
    wait();
    return !stopped.load(std::memory_order_relaxed);
  }

 private:
  GruMeetings* const meetings_;
};

// Runs body(member, threads) on every thread of the grid that suits the call.
template <typename F>
void runGruGrid(const OpCall& call, const GruExtents& e, double passes, F&& body) {
  const int threads = call.context ? call.context->threads : 1;
  const bool fused = gruIsFused(call.attr<GruAttributes>());
  double expectedNs = 0;
  GruGrid grid = chooseGruGrid(e, fused, threads, passes, &expectedNs);
  if (expectedNs > 0 && grid.threads() > 1 && !GruWatch::maySplit()) grid = {};
  const GruWatch watch(grid, expectedNs);
  std::optional<GruMeetings> meetings;
  if (grid.members > 1) meetings.emplace();
  parallelRegion(grid.threads(), [&](int thread, int count) {
    // The system may grant fewer.
    const GruGrid granted =
        count == grid.threads() ? grid : chooseGruGrid(e, grid.members > 1, count, passes);
    body(GruMember(e, granted, thread, meetings ? &*meetings : nullptr), count);
  });
}

}  // namespace sluice::cpu
