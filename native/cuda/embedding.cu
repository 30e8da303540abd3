// Embedding and its gradient.
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

int32_t forward(const OpCall& call) noexcept {
  using namespace embedding;
  const auto* ids = input<int32_t>(call, kIds);
  const float* table = input(call, kTable);
  float* y = output(call, kY);
  const int64_t D = call.in[kTable].shape.last();
  return forEachOfRows(call, call.in[kIds].shape.elements(), D,
                       [=] __device__(int64_t row, int64_t d) {
                         y[row * D + d] = table[int64_t{ids[row]} * D + d];
                       });
}

constexpr int kWarp = 32, kWarps = kThreads / kWarp;
constexpr int kIdsPerThread = 4, kIdsAtOnce = kIdsPerThread * kThreads;
constexpr int kMostBlocks = 1024;

// A block owns the rows of the table whose numbers have the same low bits. It looks at all ids, and
// adds in their order: no sum depends on how blocks run. That costs count ids read by each block
// (1,024 of them at most, out of the cache), and a row that most ids name is added up by one block.
__global__ void __launch_bounds__(kThreads, 4)
    backwardKernel(const int32_t* ids, int64_t count, const float* dy, float* dTable, int64_t N,
                   int64_t D) {
  __shared__ int32_t counts[kIdsPerThread * kWarps];
  __shared__ int32_t found[kIdsAtOnce];  // of the ids at once, those of this block's rows
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp, warp = thread / kWarp;
  const unsigned lowBits = gridDim.x - 1;
  for (int64_t row = blockIdx.x; row < N; row += gridDim.x)
    for (int64_t d = thread; d < D; d += kThreads) dTable[row * D + d] = 0;

  for (int64_t first = 0; first < count; first += kIdsAtOnce) {
    bool own[kIdsPerThread];
    bool any = false;
#pragma unroll
    for (int k = 0; k < kIdsPerThread; ++k) {
      const int64_t at = first + k * kThreads + thread;
      own[k] = at < count && (static_cast<unsigned>(ids[at]) & lowBits) == blockIdx.x;
      any = any || own[k];
    }
    // Also: what was found before has been read by all.
    if (!__syncthreads_or(any)) continue;
    unsigned valid[kIdsPerThread];
#pragma unroll
    for (int k = 0; k < kIdsPerThread; ++k) {
      valid[k] = __ballot_sync(0xffffffffu, own[k]);
      if (lane == 0) counts[k * kWarps + warp] = __popc(valid[k]);
    }
    __syncthreads();
    int32_t before = 0;
    for (int part = 0; part < kIdsPerThread * kWarps; ++part) {
#pragma unroll
      for (int k = 0; k < kIdsPerThread; ++k)
        if (own[k] && part == k * kWarps + warp)
          found[before + __popc(valid[k] & ((1u << lane) - 1))] = k * kThreads + thread;
      before += counts[part];
    }
    __syncthreads();
    for (int64_t d = thread; d < D; d += kThreads) {
      int64_t row = -1;
      float sum = 0;
      for (int32_t i = 0; i < before; ++i) {
        const int64_t at = first + found[i];
        if (ids[at] != row) {
          if (row >= 0) dTable[row * D + d] = sum;
          row = ids[at];
          sum = dTable[row * D + d];
        }
        sum += dy[at * D + d];
      }
      dTable[row * D + d] = sum;
    }
  }
}

int32_t backward(const OpCall& call) noexcept {
  using namespace embeddingBackward;
  const Shape& table = call.out[kDTable].shape;
  const int64_t N = table[0];
  int blocks = N > 0 ? 1 : 0;
  while (2 * blocks <= std::min<int64_t>(N, kMostBlocks) && blocks > 0) blocks *= 2;
  const Grid grid{dim3(static_cast<unsigned>(blocks)), dim3(kThreads)};
  return launch(call, backwardKernel, grid, input<int32_t>(call, kIds),
                call.in[kIds].shape.elements(), input(call, kDy), output(call, kDTable), N,
                table.last());
}

}  // namespace

Kernel embeddingKernel() { return {.name = "cuda.embedding", .launch = forward}; }
Kernel embeddingBackwardKernel() { return {.name = "cuda.embeddingBackward", .launch = backward}; }

}  // namespace sluice::cuda
