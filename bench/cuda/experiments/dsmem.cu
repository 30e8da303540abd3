// The exchange of a state between the blocks of a cluster through their shared memory. In each
// round every block pushes its slice of a tile to all blocks, itself included, and waits until its
// own tile is whole. What it pushes is made of what it received, so rounds cannot overlap.
#include "support/device.h"
#include "support/launch.h"
#include "support/program.h"

namespace {

using namespace bench;

constexpr int kThreads = 256;
constexpr int kRepeats = 15;

enum class Push { StoreAsync, CopyBulk, StoreAndBarrier };
constexpr const char* kPushNames[] = {"st.async", "cp.async.bulk", "st and cluster barrier"};

__device__ __host__ inline uint32_t firstValue(uint32_t rank, uint32_t word, uint32_t element) {
  return rank * 65536 + word * 4 + element;
}

// In shared memory: two tiles [ranks][sliceWords] that rounds use in turns, and two slices to copy
// from. A word is 16 bytes; sliceWords is a power of two, at most kThreads, so that a thread has
// one word and every so many peers to push it to. After round t the slice of rank r holds
// firstValue((r + t) % ranks) + t.
//
// Nobody overwrites what others still read: a block pushes round t+2 after it has received round
// t+1 of all, and a block pushes t+1 after its own barrier behind its reads of t.
template <Push kPush>
__global__ void __launch_bounds__(kThreads, 1)
    exchange(int rounds, int sliceWords, uint4* tiles, Interval* intervals, int* failed) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) uint4 memory[];
  __shared__ __align__(8) uint64_t isFull[2];
  const uint32_t ranks = clusterSize(), rank = clusterRank();
  const int tileWords = sliceWords * static_cast<int>(ranks);
  uint4* staging = memory + 2 * tileWords;
  const int word = static_cast<int>(threadIdx.x) % sliceWords;
  const uint32_t group = threadIdx.x / sliceWords, groups = kThreads / sliceWords;
  const uint32_t tileBytes = static_cast<uint32_t>(tileWords) * 16;

  for (int i = static_cast<int>(threadIdx.x); i < tileWords; i += kThreads) {
    const uint32_t r = static_cast<uint32_t>(i / sliceWords), w = i % sliceWords;
    memory[i] = make_uint4(firstValue(r, w, 0), firstValue(r, w, 1), firstValue(r, w, 2),
                           firstValue(r, w, 3));
  }
  if (threadIdx.x == 0) {
    initBarrier(&isFull[0], 1);
    initBarrier(&isFull[1], 1);
    fenceBarrierInit();
    expectBytes(&isFull[0], tileBytes);
    expectBytes(&isFull[1], tileBytes);
  }
  __syncthreads();
  clusterBarrier();

  Patience patience(failed);
  IntervalClock clock;
  clock.start();
  for (int t = 1; t <= rounds; ++t) {
    const int b = t & 1;
    uint4 value = memory[(b ^ 1) * tileWords + ((rank + 1) % ranks) * sliceWords + word];
    value.x += 1, value.y += 1, value.z += 1, value.w += 1;
    uint4* mySlice = memory + b * tileWords + rank * sliceWords;
    const uint32_t barrier = sharedAddress(&isFull[b]);

    if constexpr (kPush == Push::CopyBulk) {
      if (group == 0) {
        staging[b * sliceWords + word] = value;
        fenceProxy();
      }
    }
    __syncthreads();
    if constexpr (kPush == Push::StoreAsync) {
      const uint32_t address = sharedAddress(mySlice + word);
      for (uint32_t peer = group; peer < ranks; peer += groups)
        storeAsync(addressIn(address, peer), value, addressIn(barrier, peer));
    } else if constexpr (kPush == Push::CopyBulk) {
      if (threadIdx.x < ranks)
        copyBulk(addressIn(sharedAddress(mySlice), threadIdx.x),
                 sharedAddress(staging + b * sliceWords), static_cast<uint32_t>(sliceWords) * 16,
                 addressIn(barrier, threadIdx.x));
    } else {
      const uint32_t address = sharedAddress(mySlice + word);
      for (uint32_t peer = group; peer < ranks; peer += groups)
        storeCluster(addressIn(address, peer), value);
    }
    if constexpr (kPush == Push::StoreAndBarrier) {
      clusterBarrier();
    } else {
      const uint32_t parity = static_cast<uint32_t>((t - 1) >> 1) & 1;
      patience.waitFor([&] { return isPhaseOver(&isFull[b], parity); });
      if (threadIdx.x == 0) expectBytes(&isFull[b], tileBytes);
    }
  }
  const Interval interval = clock.stop();
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < tileWords; i += kThreads)
    tiles[static_cast<size_t>(blockIdx.x) * tileWords + i] = memory[(rounds & 1) * tileWords + i];
  if (threadIdx.x == 0) intervals[blockIdx.x] = interval;
  clusterBarrier();
#endif
}

// One word to the last block of the cluster and back, again and again. Both count it up.
__global__ void __launch_bounds__(32, 1)
    ping(int rounds, uint32_t* value, Interval* interval, int* failed) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ uint32_t unused[];  // keeps other blocks from the multiprocessor
  __shared__ __align__(8) uint64_t hasCome;
  __shared__ uint32_t cell;
  const uint32_t ranks = clusterSize(), rank = clusterRank();
  if (threadIdx.x == 0) {
    initBarrier(&hasCome, 1);
    fenceBarrierInit();
    expectBytes(&hasCome, 4);
  }
  __syncthreads();
  clusterBarrier();
  if (threadIdx.x == 0 && (rank == 0 || rank == ranks - 1)) {
    const uint32_t peer = ranks - 1 - rank;
    const uint32_t there = addressIn(sharedAddress(&cell), peer);
    const uint32_t barrier = addressIn(sharedAddress(&hasCome), peer);
    Patience patience(failed);
    IntervalClock clock;
    clock.start();
    uint32_t v = 0;
    for (int t = 0; t < rounds; ++t) {
      if (rank == 0) storeAsync(there, v + 1, barrier);
      patience.waitFor([&] { return isPhaseOver(&hasCome, t & 1); });
      v = *static_cast<volatile uint32_t*>(&cell);
      expectBytes(&hasCome, 4);
      if (rank != 0) storeAsync(there, v + 1, barrier);
    }
    if (rank == 0) {
      *interval = clock.stop();
      *value = v;
    }
  }
  __syncwarp();
  clusterBarrier();
#endif
}

bool isRight(const std::vector<uint4>& tiles, int blocks, int ranks, int sliceWords, int rounds) {
  for (int block = 0; block < blocks; ++block) {
    for (int r = 0; r < ranks; ++r) {
      for (int w = 0; w < sliceWords; ++w) {
        const uint4 v = tiles[static_cast<size_t>((block * ranks + r) * sliceWords + w)];
        const uint32_t got[] = {v.x, v.y, v.z, v.w};
        for (uint32_t e = 0; e < 4; ++e) {
          const uint32_t from = static_cast<uint32_t>((r + rounds) % ranks);
          if (got[e] !=
              firstValue(from, static_cast<uint32_t>(w), e) + static_cast<uint32_t>(rounds))
            return false;
        }
      }
    }
  }
  return true;
}

template <Push kPush>
void measureExchange(Report& report, unsigned cluster, int tileBytes, bool fillDevice) {
  constexpr int kRounds = 2000;
  const int sliceWords = tileBytes / 16 / static_cast<int>(cluster);
  if (sliceWords < 1 || sliceWords > kThreads) return;
  auto* kernel = exchange<kPush>;
  Launch launch;
  launch.threads = kThreads;
  launch.cluster = cluster;
  launch.blocks = cluster;
  launch.sharedBytes = 200 * 1024;  // one block a multiprocessor
  allowMuch(kernel, launch.sharedBytes, true);
  const int clusters = activeClusters(kernel, launch);
  if (clusters < 1 || (fillDevice && clusters < 2)) return;
  launch.blocks = cluster * static_cast<unsigned>(fillDevice ? clusters : 1);

  const size_t tileWords = static_cast<size_t>(tileBytes) / 16;
  Buffer<uint4> tiles(launch.blocks * tileWords);
  Buffer<Interval> intervals(launch.blocks);
  Buffer<int> failed(1);
  failed.fillBytes(0);
  std::vector<double> ns, clocks;
  bool valid = true;
  for (int repeat = -2; repeat < kRepeats && valid; ++repeat) {
    tiles.fillBytes(0xff);
    run(launch, kernel, kRounds, sliceWords, tiles.data(), intervals.data(), failed.data());
    synchronize("exchange");
    std::vector<uint4> got(tiles.count());
    std::vector<Interval> took(launch.blocks);
    int hasFailed = 0;
    tiles.get(got.data());
    intervals.get(took.data());
    failed.get(&hasFailed);
    valid = !hasFailed && isRight(got, static_cast<int>(launch.blocks), static_cast<int>(cluster),
                                  sliceWords, kRounds);
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
  const double remoteBytes = tileBytes * (1.0 - 1.0 / cluster);
  report.add({{"what", text("exchange")},
              {"push", text(kPushNames[static_cast<int>(kPush)])},
              {"cluster", integer(cluster)},
              {"clusters", integer(launch.blocks / cluster)},
              {"tileBytes", integer(tileBytes)},
              {"roundNs", json(round)},
              {"roundClocks", json(spreadOf(clocks))},
              {"bytesPerNs", number(valid ? remoteBytes / round.median : NAN)}},
             valid);
}

void measurePing(Report& report, unsigned cluster) {
  constexpr int kRounds = 2000;
  Launch launch;
  launch.cluster = cluster;
  launch.blocks = cluster;
  launch.sharedBytes = 200 * 1024;
  allowMuch(ping, launch.sharedBytes, true);
  if (activeClusters(ping, launch) < 1) return;
  Buffer<uint32_t> value(1);
  Buffer<Interval> interval(1);
  Buffer<int> failed(1);
  failed.fillBytes(0);
  std::vector<double> ns, clocks;
  bool valid = true;
  for (int repeat = -2; repeat < kRepeats && valid; ++repeat) {
    value.fillBytes(0);
    run(launch, ping, kRounds, value.data(), interval.data(), failed.data());
    synchronize("ping");
    uint32_t got = 0;
    Interval took{};
    int hasFailed = 0;
    value.get(&got);
    interval.get(&took);
    failed.get(&hasFailed);
    valid = !hasFailed && got == 2 * kRounds;
    if (repeat < 0) continue;
    ns.push_back(static_cast<double>(took.nanoseconds) / (2 * kRounds));
    clocks.push_back(static_cast<double>(took.clocks) / (2 * kRounds));
  }
  report.add({{"what", text("ping")},
              {"push", text("st.async")},
              {"cluster", integer(cluster)},
              {"oneWayNs", json(spreadOf(ns))},
              {"oneWayClocks", json(spreadOf(clocks))}},
             valid);
}

void measure(const Machine& machine, Report& report) {
  if (!machine.isAtLeast(9)) {
    report.note("not measured: clusters need compute capability 9.0");
    return;
  }
  for (const unsigned cluster : {2u, 4u, 8u, 16u}) measurePing(report, cluster);
  for (const bool fillDevice : {false, true}) {
    for (const unsigned cluster : {4u, 8u, 16u}) {
      for (const int kiB : {1, 2, 4, 8, 16, 32, 64}) {
        if (!report.hasTime()) return report.note("no time for the other tiles");
        measureExchange<Push::StoreAsync>(report, cluster, kiB * 1024, fillDevice);
        measureExchange<Push::CopyBulk>(report, cluster, kiB * 1024, fillDevice);
        measureExchange<Push::StoreAndBarrier>(report, cluster, kiB * 1024, fillDevice);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::runProgram(
      argc, argv,
      "exchange: every block of a cluster pushes its slice of a tile to all others and waits for "
      "its own tile, 2000 rounds in a kernel, with one barrier of the block and one pass of the "
      "slice through registers in each; bytesPerNs: what a multiprocessor receives from others; "
      "ping: one word to another block and back, half of it",
      measure);
}
