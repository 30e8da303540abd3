// How the threads of one call share its work.
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include "cpu/parallel.h"
#include "cpu/recurrent_schedule.h"

namespace sluice::cpu {

// `groups` share out the rows, and walk through the sequence without waiting for each other; the
// `members` of a group share out the units, and meet after every turn. Neither leaves a trace in
// the results.
struct RecurrentGrid {
  int groups = 1;
  int members = 1;

  int threads() const { return groups * members; }
};

// How often the work of a forward pass is done.
constexpr double kRecurrentForwardPasses = 1;
constexpr double kRecurrentBackwardPasses = 2;

// The fastest for this shape by a model of the machine (recurrent_grid.cc), of at most so many
// threads.
RecurrentGrid chooseRecurrentGrid(const RecurrentExtents& e, bool fused, int threads,
                                  double passes) noexcept;
// How long a grid takes by the same model.
double expectedRecurrentNs(const RecurrentExtents& e, const RecurrentGrid& grid,
                           double passes) noexcept;
constexpr double kRecurrentRegionNs = 8000;  // to start the other threads

// Threads wait for each other, at the latest at the end of a call. Where something else wants their
// processors, a wait can last as long as a time slice, and a call of a millisecond ten times as
// long as on one thread. So calls are watched: one that took much longer than expected keeps the
// next ones on one thread, for up to half a second as it happens again.
class RecurrentWatch {
 public:
  // 0: not watched.
  explicit RecurrentWatch(double expectedNs) noexcept;
  ~RecurrentWatch();
  RecurrentWatch(const RecurrentWatch&) = delete;
  RecurrentWatch& operator=(const RecurrentWatch&) = delete;

  static bool maySplit() noexcept;

 private:
  double expectedNs_;
  int64_t startNs_;
};

// For tests: calls of several threads take this grid as far as their shape allows, and pairs run at
// once. {0, 0}: no more.
void forceRecurrentGrid(const RecurrentGrid& grid) noexcept;
bool recurrentGridIsForced() noexcept;

// What is a thread's in a grid. Threads beyond the grid have no rows.
struct RecurrentShare {
  RecurrentRows rows;
  int64_t rowsBefore = 0;  // of the groups before
  int group = 0;
  int member = 0;
  int members = 1;         // of its group
  int64_t blockBegin = 0;  // of the vectors of units
  int64_t blockEnd = 0;

  bool first() const { return member == 0; }
  // A member's part of n columns, cut at vectors.
  Range columnsOf(int64_t n, int64_t lanes) const { return partOf(n, lanes, member, members); }
};
RecurrentShare recurrentShareOf(const RecurrentExtents& e, const RecurrentGrid& grid,
                                int thread) noexcept;

// Where the members of each group meet.
struct RecurrentMeetings {
  static constexpr int kMaxGroups = 64;  // of several members

  std::array<Barrier, kMaxGroups> barriers;
  std::array<std::atomic<bool>, kMaxGroups> stopped{};
};

// A pass that another one follows goes on in about so many pieces, of this many turns.
constexpr int64_t kRecurrentPieces = 8;
inline int64_t recurrentPiece(int64_t turns) {
  return std::max<int64_t>(turns / kRecurrentPieces, kMaxTileRows);
}

// How far a pass has come, for one that follows it on other threads.
class RecurrentProgress {
 public:
  explicit RecurrentProgress(int groups) : groups_(groups) {}

  // By a group's first member, when all of the group have done so many turns.
  void publish(const RecurrentShare& share, int64_t turns) noexcept {
    if (share.first() && share.rows.count > 0)
      done_[static_cast<size_t>(share.group)].store(turns, std::memory_order_release);
  }
  // Until every group has done so many turns.
  void await(int64_t turns) const noexcept;

 private:
  const int groups_;
  std::array<std::atomic<int64_t>, RecurrentMeetings::kMaxGroups> done_{};
};

// One thread of a call.
class RecurrentMember {
 public:
  // meetings: null where groups have one member.
  RecurrentMember(const RecurrentExtents& e, const RecurrentGrid& grid, int thread,
                  RecurrentMeetings* meetings)
      : share(recurrentShareOf(e, grid, thread)), thread(thread), meetings_(meetings) {}

  const RecurrentShare share;
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
  RecurrentMeetings* const meetings_;
};

// A forward or a backward pass, as a class:
//   const RecurrentExtents& extents() const; bool fused() const;
//   static constexpr double kPasses   one of the above
//   void run(const RecurrentMember& member, int threads)   on every thread
//   bool follows(const Pass& other) const      reads what the other writes,
//   bool canFollow(const Pass& other) const    and can do so while it is at work
//   void lead(RecurrentProgress*), follow(const RecurrentProgress*)   as which one of the two;
//   null: alone
// runs on the threads that suit it.
template <typename Pass>
class RecurrentRun {
 public:
  RecurrentRun(Pass& pass, int threads)
      : pass_(pass),
        grid_(chooseRecurrentGrid(pass.extents(), pass.fused(), threads, Pass::kPasses)) {}

  int threads() const { return grid_.threads(); }
  int groups() const { return grid_.groups; }
  double expectedNs() const { return expectedRecurrentNs(pass_.extents(), grid_, Pass::kPasses); }

  void run() {
    if (threads() > 1 && !recurrentGridIsForced() && !RecurrentWatch::maySplit()) grid_ = {};
    const RecurrentWatch watch(threads() > 1 ? expectedNs() : 0);
    prepare();
    parallelRegion(threads(), [&](int thread, int count) {
      if (count == threads())
        runOn(thread);
      else if (thread == 0)  // the system grants fewer
        runAlone();
    });
  }

  // Both at once, each on threads of its own.
  static void runPair(RecurrentRun& a, RecurrentRun& b) {
    const int threads = a.threads() + b.threads();
    const RecurrentWatch watch(std::max(a.expectedNs(), b.expectedNs()));
    a.prepare();
    b.prepare();
    parallelRegion(threads, [&](int thread, int count) {
      if (count == threads) {
        thread < a.threads() ? a.runOn(thread) : b.runOn(thread - a.threads());
      } else if (thread == 0) {
        a.pass_.lead(nullptr);
        b.pass_.follow(nullptr);
        a.runAlone();
        b.runAlone();
      }
    });
  }

 private:
  void prepare() {
    if (grid_.members > 1) meetings_.emplace();
  }
  void runOn(int thread) {
    pass_.run(RecurrentMember(pass_.extents(), grid_, thread, meetings_ ? &*meetings_ : nullptr),
              threads());
  }
  void runAlone() { pass_.run(RecurrentMember(pass_.extents(), {}, 0, nullptr), 1); }

  Pass& pass_;
  RecurrentGrid grid_;
  std::optional<RecurrentMeetings> meetings_;
};

template <typename Pass>
int32_t launchRecurrent(const OpCall& call) noexcept {
  Pass pass(call);
  RecurrentRun<Pass>(pass, call.context ? call.context->threads : 1).run();
  return 0;
}

// Both at once on halves of the threads, where that is faster than one after the other.
template <typename Pass>
int32_t launchRecurrentPair(const OpCall& first, const OpCall& second) noexcept {
  Pass a(first), b(second);
  const int threads = first.context ? first.context->threads : 1;
  RecurrentRun<Pass> allOfA(a, threads), allOfB(b, threads);
  const bool follows = b.follows(a);
  if (threads > 1 && a.extents().B > 0 && (!follows || b.canFollow(a))) {
    RecurrentRun<Pass> half(a, threads / 2), otherHalf(b, threads - threads / 2);
    double together = std::max(half.expectedNs(), otherHalf.expectedNs());
    if (follows) together += together / kRecurrentPieces;
    const bool isFaster =
        together + kRecurrentRegionNs < allOfA.expectedNs() + allOfB.expectedNs() &&
        RecurrentWatch::maySplit();
    if ((isFaster || recurrentGridIsForced()) && half.groups() <= RecurrentMeetings::kMaxGroups) {
      RecurrentProgress progress(half.groups());
      if (follows) {
        a.lead(&progress);
        b.follow(&progress);
      }
      RecurrentRun<Pass>::runPair(half, otherHalf);
      return 0;
    }
  }
  allOfA.run();
  allOfB.run();
  return 0;
}

}  // namespace sluice::cpu
