// mma.sync m16n8k16 with weights that stay in registers: a warp holds 48 rows (the three gates of
// 16 units), and multiplies them by 8 or 16 columns (rows of the batch) in every step.
#include "tensor_product.h"

namespace {

using namespace tensor_product;

constexpr int kTilesOfRows = 3;  // of 16 rows

__device__ __host__ inline int firstRow(int thread) {
  return thread / 32 * kTilesOfRows * 16 + thread % 32 / 4;
}

__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0,
                                         uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ void loadMatrices(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

// kDepth: K in tiles of 16. kColumns: in tiles of 8. kChains: sums that a tile of the result is
// split into, so that products of one tile need not wait for each other. kFromShared: B is read
// from shared memory in each step, else its first tile of K stays in registers and serves for all.
template <int kWarps, int kDepth, int kColumns, int kChains, bool kFromShared>
__global__ void __launch_bounds__(kWarps * 32, 1)
    products(const uint32_t* fragments, float* out, long long* clocks) {
  constexpr int kStride = kDepth * 16 + 8;  // a row of 16 bytes more: no bank conflicts
  __shared__ __align__(16) uint16_t b[kColumns * 8 * kStride];
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = static_cast<int>(threadIdx.x); i < kColumns * 8 * kDepth * 16; i += kWarps * 32) {
    const int column = i / (kDepth * 16), k = i % (kDepth * 16);
    b[column * kStride + k] = static_cast<uint16_t>(bfloat16(elementB(k, column)));
  }

  uint32_t a[kTilesOfRows][kDepth][4];
#pragma unroll
  for (int m = 0; m < kTilesOfRows; ++m) {
#pragma unroll
    for (int t = 0; t < kDepth; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        a[m][t][i] = fragments[((m * kDepth + t) * 4 + i) * kWarps * 32 + threadIdx.x];
    }
  }
  float d[kTilesOfRows][kColumns][kChains][4] = {};
  __syncthreads();

  // Four matrices of 8 columns by 8 of K: two tiles of K.
  const uint32_t from =
      sharedAddress(b) + static_cast<uint32_t>((lane % 8) * kStride + lane / 8 * 8) * 2;
  uint32_t fixed[kColumns][4];
#pragma unroll
  for (int n = 0; n < kColumns; ++n)
    loadMatrices(fixed[n], from + static_cast<uint32_t>(n * 8 * kStride) * 2);

  const long long start = clock64();
#pragma unroll 1
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int t = 0; t < kDepth; t += 2) {
#pragma unroll
      for (int n = 0; n < kColumns; ++n) {
        uint32_t r[4] = {fixed[n][0], fixed[n][1], fixed[n][0], fixed[n][1]};
        if constexpr (kFromShared)
          loadMatrices(r, from + static_cast<uint32_t>(n * 8 * kStride + t * 16) * 2);
#pragma unroll
        for (int m = 0; m < kTilesOfRows; ++m) multiply(d[m][n][0], a[m][t], r[0], r[1]);
#pragma unroll
        for (int m = 0; m < kTilesOfRows; ++m)
          multiply(d[m][n][kChains - 1], a[m][t + 1], r[2], r[3]);
      }
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) clocks[blockIdx.x] = clock64() - start;

  out += static_cast<int64_t>(blockIdx.x) * kWarps * kTilesOfRows * 16 * kColumns * 8;
  const int row0 = firstRow(static_cast<int>(threadIdx.x));
#pragma unroll
  for (int m = 0; m < kTilesOfRows; ++m) {
#pragma unroll
    for (int n = 0; n < kColumns; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float sum = d[m][n][0][i];
        if constexpr (kChains == 2) sum += d[m][n][1][i];
        out[(row0 + m * 16 + i / 2 * 8) * kColumns * 8 + n * 8 + lane % 4 * 2 + i % 2] = sum;
      }
    }
  }
}

template <int kWarps, int kDepth, int kColumns, int kChains, bool kFromShared>
void measureProducts(const Machine& machine, Report& report) {
  auto* kernel = products<kWarps, kDepth, kColumns, kChains, kFromShared>;
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes");
  const Case c = {"mma.sync m16n8k16 bf16, " + std::to_string(kWarps) + " warps, " +
                      std::to_string(kChains) + (kChains == 1 ? " chain" : " chains"),
                  kFromShared ? "A in registers, B from shared memory" : "both in registers",
                  kWarps * kTilesOfRows * 16,
                  kDepth * 16,
                  kColumns * 8,
                  kFromShared ? kDepth * 16 : 16,
                  attributes.numRegs};
  const std::vector<uint32_t> fragments =
      fragmentsOfA(kWarps * 32, kTilesOfRows, 16, kDepth, firstRow);
  measureCase(report, machine, c, fragments,
              [&](const uint32_t* a, float* out, long long* clocks, int blocks) {
                kernel<<<static_cast<unsigned>(blocks), kWarps * 32>>>(a, out, clocks);
              });
}

template <int kWarps, int kDepth, int kColumns>
void measureSize(const Machine& machine, Report& report) {
  measureProducts<kWarps, kDepth, kColumns, 1, false>(machine, report);
  measureProducts<kWarps, kDepth, kColumns, 1, true>(machine, report);
  measureProducts<kWarps, kDepth, kColumns, 2, true>(machine, report);
}

void measure(const Machine& machine, Report& report) {
  if (!machine.isAtLeast(8)) return report.note("not measured: bf16 needs compute capability 8.0");
  measureSize<8, 16, 1>(machine, report);
  measureSize<8, 14, 2>(machine, report);
  measureSize<8, 8, 1>(machine, report);
  measureSize<8, 8, 2>(machine, report);
  measureSize<16, 6, 1>(machine, report);
  measureSize<16, 4, 2>(machine, report);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::runProgram(argc, argv,
                           "a block on every multiprocessor computes the same product 2000 times: "
                           "the weights [rows, depth] stay in registers, the other operand has as "
                           "many columns as there are rows of a batch; a step is one product",
                           measure);
}
