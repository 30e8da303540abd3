// Sums over many items in double, in an order that their number fixes.
#pragma once

#include <algorithm>

#include "cuda/device/intrinsics.h"
#include "cuda/launch.h"

namespace sluice::cuda {

// Over the threads of a block; the first one has the sums. To be called once in a kernel.
template <int N>
__device__ void sumBlock(double (&sums)[N]) {
  __shared__ double ofWarps[kThreads / 32][N];
  const int warp = static_cast<int>(threadIdx.x / 32);
#pragma unroll
  for (int k = 0; k < N; ++k) {
    for (int lane = 16; lane > 0; lane /= 2) sums[k] += shuffleDown(sums[k], lane);
    if (threadIdx.x % 32 == 0) ofWarps[warp][k] = sums[k];
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int k = 0; k < N; ++k)
    for (int w = 1; w < static_cast<int>(blockDim.x / 32); ++w) sums[k] += ofWarps[w][k];
}

template <int N, typename Body>
__global__ void __launch_bounds__(kThreads) sumKernel(int64_t n, Body body, double* out) {
  double sums[N] = {};
  const int64_t stride = int64_t{gridDim.x} * blockDim.x, end = (n + 31) / 32 * 32;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < end; i += stride)
    body(i, sums);
  sumBlock(sums);
  if (threadIdx.x == 0)
    for (int k = 0; k < N; ++k) out[int64_t{blockIdx.x} * N + k] = sums[k];
}

inline int64_t sumBlocks(int64_t n) {
  constexpr int64_t kMost = 1024;
  return std::max<int64_t>(1, std::min(divideUp(n, kThreads), kMost));
}
template <int N>
size_t sumScratchBytes(int64_t n) {
  return static_cast<size_t>(sumBlocks(n)) * N * sizeof(double);
}

// out[k] = the sum of what body(i, sums) adds to sums[k] for i from 0 to n - 1. Whole warps call
// it, with i up to the next multiple of 32, at 32 neighbours.
template <int N, typename Body>
int32_t sumOver(const OpCall& call, int64_t n, double* out, void* scratch, Body body) {
  const auto blocks = static_cast<unsigned>(sumBlocks(n));
  auto* partial = blocks == 1 ? out : static_cast<double*>(scratch);
  const int32_t status =
      launch(call, sumKernel<N, Body>, {dim3(blocks), dim3(kThreads)}, n, body, partial);
  if (status != 0 || blocks == 1) return status;
  const auto add = [=] __device__(int64_t i, double(&sums)[N]) {
    for (int k = 0; k < N && i < blocks; ++k) sums[k] += partial[i * N + k];
  };
  return launch(call, sumKernel<N, decltype(add)>, {dim3(1), dim3(kThreads)}, int64_t{blocks}, add,
                out);
}

// As sumOver, of one sum that becomes a float.
inline size_t sumToScratchBytes(int64_t n) { return sizeof(double) + sumScratchBytes<1>(n); }
template <typename Body>
int32_t sumTo(const OpCall& call, int64_t n, float* out, void* scratch, Body body) {
  auto* sum = static_cast<double*>(scratch);
  if (const int32_t status = sumOver<1>(call, n, sum, sum + 1, body)) return status;
  return forEach(call, 1, [=] __device__(int64_t) { *out = static_cast<float>(*sum); });
}

// Over groups of so many neighbouring lanes: a power of two, at most a warp. Each lane has it.
template <int Lanes, typename T>
__device__ T sumOfLanes(T value) {
#pragma unroll
  for (int lane = Lanes / 2; lane > 0; lane /= 2) value += shuffleXor(value, lane);
  return value;
}
// NaN counts nothing.
template <int Lanes>
__device__ float maxOfLanes(float value) {
#pragma unroll
  for (int lane = Lanes / 2; lane > 0; lane /= 2) value = fmaxf(value, shuffleXor(value, lane));
  return value;
}

// How many lanes share a row of this length: calls use(std::integral_constant<int, lanes>).
template <typename Use>
int32_t withLanes(int64_t length, Use&& use) {
  if (length <= 2) return use(std::integral_constant<int, 1>{});
  if (length <= 16) return use(std::integral_constant<int, 8>{});
  return use(std::integral_constant<int, 32>{});
}

// Both sums of a loss or a metric over the rows of `all`, which says how many and how long they
// are: Row<lanes>{all} adds what a row brings, lanes sharing it.
inline size_t rowSumScratchBytes(int64_t rows) { return sumScratchBytes<2>(rows * 32); }
template <template <int> class Row, typename All>
int32_t sumRowsOf(const OpCall& call, const All& all, double* sums) {
  return withLanes(all.length, [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    return sumOver<2>(call, all.rows * kLanes, sums, call.scratch, Row<kLanes>{all});
  });
}

}  // namespace sluice::cuda
