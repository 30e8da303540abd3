// The exchange of a state between blocks anywhere on the device, through the second-level cache.
// What is stored says itself that it is there: the memory is filled with a sentinel before, every
// round has addresses of its own, and readers load until no word is the sentinel. For comparison,
// the same with a barrier of the whole grid in each round, and such barriers alone.
#include <cooperative_groups.h>

#include "support/device.h"
#include "support/launch.h"
#include "support/program.h"

namespace {

using namespace bench;

constexpr int kThreads = 256;
constexpr int kRepeats = 11;
constexpr int kCellStride = 8;  // in words: a sector of its own for each block
constexpr uint32_t kSentinel = 0xffffffffu;
constexpr size_t kAlone = 120 * 1024;  // shared memory that keeps other blocks off a multiprocessor

// --- all blocks of a group exchange their slices of a tile --------------------------------------

enum class Wait { PollAll, PollFirst, GridBarrier };
constexpr const char* kWaitNames[] = {"sentinel", "sentinel, one word first", "grid barrier"};

__device__ __host__ inline uint32_t firstValue(int member, int word, uint32_t element) {
  return static_cast<uint32_t>(member) * 65536u + static_cast<uint32_t>(word) * 4u + element;
}

__device__ __forceinline__ bool isThere(uint4 v) {
  return v.x != kSentinel && v.y != kSentinel && v.z != kSentinel && v.w != kSentinel;
}

// A thread's share of a tile: kLoads words of 16 bytes, kThreads apart. All that are missing are
// asked for at once; with kPollFirst the first alone until it is there.
template <int kLoads, bool kPollFirst>
__device__ __forceinline__ void await(const uint4* from, uint4 (&v)[kLoads], Patience& patience) {
  uint32_t missing = (1u << kLoads) - 1;
  if constexpr (kPollFirst) {
    patience.waitFor([&] { return isThere(v[0] = loadRelaxed(from)); });
    missing &= ~1u;
  }
  patience.waitFor([&] {
#pragma unroll
    for (int i = 0; i < kLoads; ++i)
      if (missing >> i & 1) v[i] = loadRelaxed(from + i * kThreads);
#pragma unroll
    for (int i = 0; i < kLoads; ++i)
      if (isThere(v[i])) missing &= ~(1u << i);
    return missing == 0;
  });
}

// y: [groups][rounds+1][tile]. After round t the slice of member m holds
// firstValue((m + t) % members) + t. In shared memory, two tiles that rounds use in turns.
template <int kLoads, Wait kWait>
__global__ void __launch_bounds__(kThreads, 1)
    exchange(int rounds, int members, uint4* y, uint4* tiles, Interval* intervals, int* failed) {
  extern __shared__ uint4 memory[];
  constexpr int kTileWords = kLoads * kThreads;
  const int member = static_cast<int>(blockIdx.x) % members;
  const int sliceWords = kTileWords / members;
  const int tid = static_cast<int>(threadIdx.x);
  uint4* mine = y + static_cast<int64_t>(blockIdx.x / members) * (rounds + 1) * kTileWords;
  Patience patience(failed);
  uint4 v[kLoads];

  if (tid < sliceWords)
    storeRelaxed(mine + member * sliceWords + tid,
                 make_uint4(firstValue(member, tid, 0), firstValue(member, tid, 1),
                            firstValue(member, tid, 2), firstValue(member, tid, 3)));
  if constexpr (kWait == Wait::GridBarrier) cooperative_groups::this_grid().sync();
  IntervalClock clock;
  for (int t = 0; t <= rounds; ++t) {
    const uint4* from = mine + static_cast<int64_t>(t) * kTileWords + tid;
    if constexpr (kWait == Wait::GridBarrier) {
#pragma unroll
      for (int i = 0; i < kLoads; ++i) v[i] = loadRelaxed(from + i * kThreads);
    } else {
      await<kLoads, kWait == Wait::PollFirst>(from, v, patience);
    }
    uint4* tile = memory + (t & 1) * kTileWords;
#pragma unroll
    for (int i = 0; i < kLoads; ++i) tile[i * kThreads + tid] = v[i];
    __syncthreads();
    if (t == 0) clock.start();  // all are there
    if (t == rounds) break;
    if (tid < sliceWords) {
      uint4 value = tile[(member + 1) % members * sliceWords + tid];
      value.x += 1, value.y += 1, value.z += 1, value.w += 1;
      storeRelaxed(mine + static_cast<int64_t>(t + 1) * kTileWords + member * sliceWords + tid,
                   value);
    }
    if constexpr (kWait == Wait::GridBarrier) cooperative_groups::this_grid().sync();
  }
  if (tid == 0) intervals[blockIdx.x] = clock.stop();
  for (int i = tid; i < kTileWords; i += kThreads)
    tiles[static_cast<int64_t>(blockIdx.x) * kTileWords + i] =
        memory[(rounds & 1) * kTileWords + i];
}

bool isRight(const std::vector<uint4>& tiles, int blocks, int members, int tileWords, int rounds) {
  const int sliceWords = tileWords / members;
  for (int block = 0; block < blocks; ++block) {
    for (int i = 0; i < tileWords; ++i) {
      const uint4 v = tiles[static_cast<size_t>(block) * tileWords + i];
      const uint32_t got[] = {v.x, v.y, v.z, v.w};
      for (uint32_t e = 0; e < 4; ++e) {
        const uint32_t first = firstValue((i / sliceWords + rounds) % members, i % sliceWords, e);
        if (got[e] != first + static_cast<uint32_t>(rounds)) return false;
      }
    }
  }
  return true;
}

template <int kLoads, Wait kWait>
void measureExchange(Report& report, int members, int groups) {
  constexpr int kRounds = 400;
  constexpr int kTileWords = kLoads * kThreads;
  auto* kernel = exchange<kLoads, kWait>;
  Launch launch;
  launch.blocks = static_cast<unsigned>(members * groups);
  launch.threads = kThreads;
  launch.sharedBytes = kAlone;
  launch.cooperative = true;
  allowMuch(kernel, launch.sharedBytes, false);
  Buffer<uint4> y(static_cast<size_t>(groups) * (kRounds + 1) * kTileWords);
  Buffer<uint4> tiles(static_cast<size_t>(launch.blocks) * kTileWords);
  Buffer<Interval> intervals(launch.blocks);
  Buffer<int> failed(1);
  failed.fillBytes(0);
  std::vector<double> ns, clocks;
  bool valid = true;
  for (int repeat = -2; repeat < kRepeats && valid; ++repeat) {
    y.fillBytes(0xff);
    tiles.fillBytes(0xff);
    run(launch, kernel, kRounds, members, y.data(), tiles.data(), intervals.data(), failed.data());
    synchronize("exchange");
    std::vector<uint4> got(tiles.count());
    std::vector<Interval> took(launch.blocks);
    int hasFailed = 0;
    tiles.get(got.data());
    intervals.get(took.data());
    failed.get(&hasFailed);
    valid =
        !hasFailed && isRight(got, static_cast<int>(launch.blocks), members, kTileWords, kRounds);
    if (repeat < 0) continue;
    double longestNs = 0, longestClocks = 0;
    for (const Interval& interval : took) {
      longestNs = std::max(longestNs, static_cast<double>(interval.nanoseconds));
      longestClocks = std::max(longestClocks, static_cast<double>(interval.clocks));
    }
    ns.push_back(longestNs / kRounds);
    clocks.push_back(longestClocks / kRounds);
  }
  const Spread round = spreadOf(ns);
  report.add({{"what", text("exchange")},
              {"wait", text(kWaitNames[static_cast<int>(kWait)])},
              {"blocks", integer(members)},
              {"groups", integer(groups)},
              {"tileBytes", integer(kTileWords * 16)},
              {"roundNs", json(round)},
              {"roundClocks", json(spreadOf(clocks))},
              {"bytesPerNs", number(valid ? kTileWords * 16 / round.median : NAN)}},
             valid);
}

template <int kLoads>
void measureExchanges(Report& report, int members, int groups) {
  if (!report.hasTime()) return report.note("no time for the other exchanges");
  measureExchange<kLoads, Wait::PollAll>(report, members, groups);
  measureExchange<kLoads, Wait::PollFirst>(report, members, groups);
  measureExchange<kLoads, Wait::GridBarrier>(report, members, groups);
}

// --- barriers of the grid -----------------------------------------------------------------------

// Before each barrier block b counts up its cell; behind it, everybody finds its neighbour's
// counted.
__global__ void __launch_bounds__(kThreads, 1)
    barriers(int rounds, uint32_t* cells, Interval* intervals, int* wrong) {
  const uint32_t neighbour = (blockIdx.x + 1) % gridDim.x;
  cooperative_groups::grid_group grid = cooperative_groups::this_grid();
  grid.sync();
  IntervalClock clock;
  clock.start();
  for (int t = 1; t <= rounds; ++t) {
    if (threadIdx.x == 0) storeRelaxed(cells + blockIdx.x * kCellStride, static_cast<uint32_t>(t));
    grid.sync();
    if (threadIdx.x == 0 && loadRelaxed(cells + neighbour * kCellStride) < static_cast<uint32_t>(t))
      atomicAdd(wrong, 1);
  }
  if (threadIdx.x == 0) intervals[blockIdx.x] = clock.stop();
}

void measureBarriers(Report& report, int blocks) {
  constexpr int kRounds = 500;
  Launch launch;
  launch.blocks = static_cast<unsigned>(blocks);
  launch.threads = kThreads;
  launch.sharedBytes = kAlone;
  launch.cooperative = true;
  allowMuch(barriers, kAlone, false);
  Buffer<uint32_t> cells(static_cast<size_t>(blocks) * kCellStride);
  Buffer<Interval> intervals(launch.blocks);
  Buffer<int> wrong(1);
  wrong.fillBytes(0);
  std::vector<double> ns;
  int count = 0;
  for (int repeat = -2; repeat < kRepeats; ++repeat) {
    cells.fillBytes(0);
    run(launch, barriers, kRounds, cells.data(), intervals.data(), wrong.data());
    synchronize("barriers");
    wrong.get(&count);
    std::vector<Interval> took(launch.blocks);
    intervals.get(took.data());
    if (repeat >= 0) ns.push_back(static_cast<double>(took[0].nanoseconds) / kRounds);
  }
  report.add(
      {{"what", text("grid.sync")}, {"blocks", integer(blocks)}, {"roundNs", json(spreadOf(ns))}},
      count == 0);
}

void measure(const Machine& machine, Report& report) {
  const int most = machine.multiprocessors();
  for (const int blocks : {32, 64, 128, most})
    if (blocks <= most) measureBarriers(report, blocks);
  struct Grid {
    int members, groups;
  };
  for (const Grid grid : {Grid{32, 1}, {32, 4}, {64, 2}, {128, 1}}) {
    if (grid.members * grid.groups > most) continue;
    measureExchanges<2>(report, grid.members, grid.groups);
    measureExchanges<4>(report, grid.members, grid.groups);
    measureExchanges<8>(report, grid.members, grid.groups);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::runProgram(
      argc, argv,
      "exchange: each block stores its slice of a tile and reads the whole tile, 400 rounds; "
      "bytesPerNs: what a multiprocessor reads; groups do not speak to each other",
      measure);
}
