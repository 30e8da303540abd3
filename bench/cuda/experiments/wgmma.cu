// wgmma m64nNk16 with weights that stay in registers: a warpgroup holds 192 rows (the three gates
// of 64 units), and multiplies them by 8, 16 or 32 columns (rows of the batch) in shared memory.
#include "tensor_product.h"

namespace {

using namespace tensor_product;

constexpr int kWarpgroups = 2;
constexpr int kThreads = kWarpgroups * 128;
constexpr int kTilesOfRows = 3;  // of 64 rows

__device__ __host__ inline int firstRow(int thread) {
  return thread / 128 * kTilesOfRows * 64 + thread % 128 / 32 * 16 + thread % 32 / 4;
}

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)

// Where a tile of B is: matrices of 8 columns by 16 bytes of K, each 128 bytes in one piece; those
// next to each other along K are `alongDepth` bytes apart, along the columns `alongColumns`.
__device__ __forceinline__ uint64_t describe(uint32_t address, uint32_t alongDepth,
                                             uint32_t alongColumns) {
  const auto field = [](uint32_t bytes) { return static_cast<uint64_t>((bytes & 0x3ffff) >> 4); };
  return field(address) | field(alongDepth) << 16 | field(alongColumns) << 32;
}

__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%0,%1,%2,%3}, {%4,%5,%6,%7}, %8, 1, 1, "
      "1, 0;"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ __forceinline__ void multiply(float (&d)[8], const uint32_t (&a)[4], uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7}, "
      "{%8,%9,%10,%11}, %12, 1, 1, 1, 0;"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
        "+f"(d[7])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
__device__ __forceinline__ void multiply(float (&d)[16], const uint32_t (&a)[4], uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,"
      "%11,%12,%13,%14,%15}, {%16,%17,%18,%19}, %20, 1, 1, 1, 0;"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
        "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]),
        "+f"(d[14]), "+f"(d[15])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

__device__ __forceinline__ void fenceRegisters() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void waitForAll() {
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
}

#endif

// kDepth: K in tiles of 16. kColumns: 8, 16 or 32. kBurst: products before the results are waited
// for; a recurrence has 1.
template <int kDepth, int kColumns, int kBurst>
__global__ void __launch_bounds__(kThreads, 1)
    products(const uint32_t* fragments, float* out, long long* clocks) {
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
  constexpr int kGroups = kColumns / 8;
  __shared__ __align__(128) uint16_t b[kColumns * kDepth * 16];
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * kDepth * 16; i += kThreads) {
    const int column = i / (kDepth * 16), k = i % (kDepth * 16);
    b[(k / 8 * kGroups + column / 8) * 64 + column % 8 * 8 + k % 8] =
        static_cast<uint16_t>(bfloat16(elementB(k, column)));
  }
  fenceProxy();

  uint32_t a[kTilesOfRows][kDepth][4];
#pragma unroll
  for (int m = 0; m < kTilesOfRows; ++m) {
#pragma unroll
    for (int t = 0; t < kDepth; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        a[m][t][i] = fragments[((m * kDepth + t) * 4 + i) * kThreads + threadIdx.x];
    }
  }
  float d[kTilesOfRows][kColumns / 2] = {};
  const uint64_t first = describe(sharedAddress(b), kGroups * 128, 128);
  __syncthreads();

  const long long start = clock64();
#pragma unroll 1
  for (int step = 0; step < kSteps; step += kBurst) {
    fenceRegisters();
#pragma unroll
    for (int burst = 0; burst < kBurst; ++burst) {
#pragma unroll
      for (int t = 0; t < kDepth; ++t) {
#pragma unroll
        for (int m = 0; m < kTilesOfRows; ++m)
          multiply(d[m], a[m][t], first + static_cast<uint64_t>(t * 2 * kGroups * 128 >> 4));
      }
    }
    commit();
    waitForAll();
  }
  __syncthreads();
  if (threadIdx.x == 0) clocks[blockIdx.x] = clock64() - start;

  out += static_cast<int64_t>(blockIdx.x) * kWarpgroups * kTilesOfRows * 64 * kColumns;
  const int row0 = firstRow(static_cast<int>(threadIdx.x));
#pragma unroll
  for (int m = 0; m < kTilesOfRows; ++m) {
#pragma unroll
    for (int i = 0; i < kColumns / 2; ++i) {
      const int row = row0 + m * 64 + i % 4 / 2 * 8;
      const int column = i / 4 * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + i % 2;
      out[row * kColumns + column] = d[m][i];
    }
  }
#endif
}

template <int kDepth, int kColumns, int kBurst>
void measureProducts(const Machine& machine, Report& report) {
  auto* kernel = products<kDepth, kColumns, kBurst>;
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes");
  const Case c = {"wgmma m64n" + std::to_string(kColumns) + "k16 bf16, waited for every " +
                      std::to_string(kBurst),
                  "A in registers, B from shared memory",
                  kWarpgroups * kTilesOfRows * 64,
                  kDepth * 16,
                  kColumns,
                  kDepth * 16,
                  attributes.numRegs};
  const std::vector<uint32_t> fragments =
      fragmentsOfA(kThreads, kTilesOfRows, 64, kDepth, firstRow);
  measureCase(report, machine, c, fragments,
              [&](const uint32_t* a, float* out, long long* clocks, int blocks) {
                kernel<<<static_cast<unsigned>(blocks), kThreads>>>(a, out, clocks);
              });
}

template <int kDepth, int kColumns>
void measureSize(const Machine& machine, Report& report) {
  measureProducts<kDepth, kColumns, 1>(machine, report);
  measureProducts<kDepth, kColumns, 4>(machine, report);
}

void measure(const Machine& machine, Report& report) {
  if (machine.properties().major != 9)
    return report.note("not measured: wgmma needs compute capability 9.0");
  measureSize<16, 8>(machine, report);
  measureSize<14, 16>(machine, report);
  measureSize<12, 32>(machine, report);
  measureSize<8, 8>(machine, report);
  measureSize<8, 16>(machine, report);
  measureSize<8, 32>(machine, report);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::runProgram(argc, argv,
                           "a block of two warpgroups on every multiprocessor computes the same "
                           "product 2000 times: the weights [rows, depth] stay in registers, the "
                           "other operand has as many columns as there are rows of a batch; a step "
                           "is one product",
                           measure);
}
