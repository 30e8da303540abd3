// Groups of numbers, each worked on by a team of threads or reduced to one value.
#pragma once

#include "cuda/device/team.h"
#include "cuda/launch.h"

namespace sluice::cuda {

// Blocks that a multiprocessor holds at once. Left to itself ptxas wants more, and spills.
constexpr int kTeamsAtOnce = 4;

struct Groups {
  int64_t count = 0;
  int64_t members = 0;  // of each
  TeamShape shape;

  // sideBySide: it is the groups that lie so, not the members of one.
  Groups(int64_t count, int64_t members, bool sideBySide) : count(count), members(members) {
    constexpr int64_t kLong = 1024;
    shape.allWarps = sideBySide || members >= kLong;
    if (sideBySide) shape.width = 1;
    while (!shape.allWarps && shape.width > 1 && shape.width / 2 >= members) shape.width /= 2;
  }
  // A single group, for which blocks have all their warps whatever its members are. Not for rows
  // that others may stand beside, as their bits would show it.
  static Groups one(int64_t members) {
    Groups groups(1, members, false);
    groups.shape = {.allWarps = true};
    return groups;
  }
  Grid grid(int64_t parts = 1) const {
    return {
        dim3(static_cast<unsigned>(divideUp(count, shape.groups())), static_cast<unsigned>(parts)),
        dim3(kTeamThreads)};
  }
};

template <int kAtOnce, typename Body>
__global__ void __launch_bounds__(kTeamThreads, kAtOnce) eachGroupKernel(Groups groups, Body body) {
  __shared__ __align__(16) unsigned char shared[kTeamThreads * kTeamValueBytes];
  const Team team(groups.shape, shared);
  body(team, team.group(), team.group() < groups.count ? groups.members : 0);
}

// body(team, group, members): also for groups past the last, without members, as all threads of a
// block have to come where a team merges. body is `[=] __device__ (const Team&, int64_t, int64_t)`.
template <int kAtOnce = kTeamsAtOnce, typename Body>
int32_t forEachGroup(const OpCall& call, const Groups& groups, Body body) noexcept {
  return launch(call, eachGroupKernel<kAtOnce, Body>, groups.grid(), groups, body);
}

template <typename Value, typename Start, typename Take, typename Done>
__global__ void __launch_bounds__(kTeamThreads, kTeamsAtOnce)
    reduceKernel(Groups groups, int64_t perPart, Value* partials, Start start, Take take,
                 Done done) {
  __shared__ __align__(16) unsigned char shared[kTeamThreads * kTeamValueBytes];
  const Team team(groups.shape, shared);
  const int64_t group = team.group(), begin = blockIdx.y * perPart;
  const int64_t end = begin + perPart < groups.members ? begin + perPart : groups.members;
  Value own;
  if (group < groups.count) {
    const auto from = start(group);
    for (int64_t member = begin + team.lane(); member < end; member += team.lanes())
      take(own, from, member);
  }
  own = team.merged(own);
  if (team.lane() != 0 || group >= groups.count) return;
  if (partials)
    partials[blockIdx.y * groups.count + group] = own;
  else
    done(group, own);
}

struct SameGroup {
  __device__ int64_t operator()(int64_t group) const { return group; }
};
template <typename Value>
struct TakePartial {
  const Value* partials;
  int64_t count;
  __device__ void operator()(Value& own, int64_t group, int64_t part) const {
    own.merge(partials[part * count + group]);
  }
};

// Into how many parts the members go, so that many blocks share few groups.
inline int64_t partsOf(const Groups& groups) {
  constexpr int64_t kBlocks = 1024, kLeast = 16;  // members a lane
  const int64_t blocks = std::max<int64_t>(1, divideUp(groups.count, groups.shape.groups()));
  const int64_t most = groups.members / (groups.shape.lanes() * kLeast);
  return std::max<int64_t>(1, std::min(kBlocks / blocks, most));
}
template <typename Value>
size_t reduceScratchBytes(const Groups& groups) {
  const int64_t parts = partsOf(groups);
  return parts > 1 ? static_cast<size_t>(parts * groups.count) * sizeof(Value) : 0;
}

// done(group, value) with a Value that saw take(value, start(group), member) for each member and
// merged with others: in an order that count and members fix. Lambdas as above. `scratch`:
// reduceScratchBytes, on a boundary of 8.
template <typename Value, typename Start, typename Take, typename Done>
int32_t reduceGroups(const OpCall& call, const Groups& groups, void* scratch, Start start,
                     Take take, Done done) noexcept {
  const int64_t parts = partsOf(groups);
  auto* partials = parts > 1 ? static_cast<Value*>(scratch) : nullptr;
  const int32_t status =
      launch(call, reduceKernel<Value, Start, Take, Done>, groups.grid(parts), groups,
             divideUp(groups.members, parts), partials, start, take, done);
  if (!partials || status != 0) return status;
  const Groups left = groups.count > 1 ? Groups(groups.count, parts, true) : Groups::one(parts);
  return launch(call, reduceKernel<Value, SameGroup, TakePartial<Value>, Done>, left.grid(), left,
                parts, static_cast<Value*>(nullptr), SameGroup{},
                TakePartial<Value>{partials, groups.count}, done);
}
template <typename Value, typename Take, typename Done>
int32_t reduceGroups(const OpCall& call, const Groups& groups, void* scratch, Take take,
                     Done done) noexcept {
  return reduceGroups<Value>(call, groups, scratch, SameGroup{}, take, done);
}

}  // namespace sluice::cuda
