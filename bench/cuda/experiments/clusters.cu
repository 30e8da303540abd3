// How many clusters of 1 to 16 blocks are resident at once, when a block fills its multiprocessor:
// 200 KiB of shared memory and close to 255 registers a thread. What the runtime says is held
// against blocks that meet: as many clusters as it says must all see each other, one more must not.
#include <set>

#include "support/device.h"
#include "support/launch.h"
#include "support/program.h"

namespace {

using namespace bench;

constexpr int kThreads = 256;
constexpr int kHeld = 216;  // floats a thread keeps in registers

struct Seen {
  uint32_t multiprocessor;
  uint32_t arrived;  // blocks, when this one stopped to wait
};

// Blocks arrive at a counter and wait for `expected` of them, 100 ms at most. The numbers that each
// thread keeps meanwhile are what makes the registers; their sum goes out.
__global__ void __launch_bounds__(kThreads, 1) meet(const float* in, float* out, uint32_t* counter,
                                                    uint32_t expected, int rounds, Seen* seen) {
  extern __shared__ float shared[];
  float held[kHeld];
#pragma unroll
  for (int i = 0; i < kHeld; ++i) held[i] = in[i * kThreads + threadIdx.x];
  shared[threadIdx.x] = held[0];
  __syncthreads();
  if (threadIdx.x == 0) {
    atomicAdd(counter, 1);
    const unsigned long long start = nanoseconds();
    uint32_t arrived = 0;
    do {
      arrived = loadRelaxed(counter);
    } while (arrived < expected && nanoseconds() - start < 100000000ull);
    uint32_t multiprocessor;
    asm volatile("mov.u32 %0, %%smid;" : "=r"(multiprocessor));
    seen[blockIdx.x] = {multiprocessor, arrived};
  }
  __syncthreads();
  for (int round = 0; round < rounds; ++round) {
    const float x = shared[(threadIdx.x + round) % kThreads];
#pragma unroll
    for (int i = 0; i < kHeld; ++i) held[i] = fmaf(held[i], x, held[(i + 1) % kHeld]);
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kHeld; ++i) sum += held[i];
  out[blockIdx.x * kThreads + threadIdx.x] = sum;
}

struct Meeting {
  bool isComplete;  // every block has seen all others
  size_t multiprocessors;
};

Meeting meeting(Launch launch, int clusters) {
  launch.blocks = static_cast<unsigned>(clusters) * launch.cluster;
  Buffer<float> in(kHeld * kThreads), out(launch.blocks * kThreads);
  Buffer<uint32_t> counter(1);
  Buffer<Seen> seen(launch.blocks);
  in.fillBytes(0);
  counter.fillBytes(0);
  seen.fillBytes(0);
  run(launch, meet, in.data(), out.data(), counter.data(), launch.blocks, 2, seen.data());
  synchronize("meet");
  std::vector<Seen> all(launch.blocks);
  seen.get(all.data());
  std::set<uint32_t> multiprocessors;
  bool isComplete = true;
  for (const Seen& block : all) {
    multiprocessors.insert(block.multiprocessor);
    isComplete = isComplete && block.arrived == launch.blocks;
  }
  return {isComplete, multiprocessors.size()};
}

void measure(const Machine&, Report& report) {
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, meet), "cudaFuncGetAttributes");
  for (const size_t kiB : {100, 200, 227}) {
    for (const unsigned cluster : {2u, 4u, 8u, 16u}) {
      Launch launch;
      launch.threads = kThreads;
      launch.sharedBytes = kiB * 1024;
      launch.cluster = cluster;
      launch.blocks = cluster;
      allowMuch(meet, launch.sharedBytes, true);
      const int clusters = activeClusters(meet, launch);
      std::vector<Member> row = {{"cluster", integer(cluster)},
                                 {"sharedKiB", integer(static_cast<int64_t>(kiB))},
                                 {"registers", integer(attributes.numRegs)},
                                 {"activeClusters", integer(clusters)}};
      bool valid = clusters >= 0;
      if (clusters > 0) {
        const Meeting all = meeting(launch, clusters), oneMore = meeting(launch, clusters + 1);
        row.push_back({"multiprocessors", integer(static_cast<int64_t>(all.multiprocessors))});
        row.push_back({"allMeet", boolean(all.isComplete)});
        row.push_back({"oneMoreMeets", boolean(oneMore.isComplete)});
        valid = all.isComplete;
      }
      report.add(row, valid);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::runProgram(argc, argv,
                           "blocks of 256 threads, one a multiprocessor by their registers; "
                           "activeClusters: cudaOccupancyMaxActiveClusters; multiprocessors: how "
                           "many different ones the blocks of that many clusters ran on",
                           measure);
}
