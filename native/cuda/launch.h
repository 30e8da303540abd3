// How kernels are put into a call's stream, and the loop that most of them are.
#pragma once

#include <algorithm>
#include <atomic>

#include "cuda/stream.h"

namespace sluice::cuda {

constexpr int kThreads = 256;                   // of a block that has no shape of its own
constexpr size_t kPlainSharedBytes = 48 << 10;  // more must be asked for

struct Grid {
  dim3 blocks, threads;
  size_t sharedBytes = 0;
  // The kernel may begin while the one in front of it ends: it calls awaitPrimary() before it reads
  // or writes what others do. Of devices from compute capability 9.0.
  bool overlaps = false;
  // Of a kernel that takes more shared memory than is plain: on which devices it has been allowed.
  std::atomic<uint64_t>* allowed = nullptr;
};

// Asks for a kernel's shared memory, once on each device: it may wait for the device.
inline int32_t allowShared(const void* kernel, const Grid& grid, int32_t device) noexcept {
  if (grid.sharedBytes <= kPlainSharedBytes) return 0;
  const uint64_t bit = uint64_t{1} << device % 64;
  if (grid.allowed != nullptr && (grid.allowed->load() & bit) != 0) return 0;
  const int32_t status = statusOf(cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(grid.sharedBytes)));
  if (status == 0 && grid.allowed != nullptr) grid.allowed->fetch_or(bit);
  return status;
}

// One kernel: 0, or a status. A grid without blocks does nothing.
template <typename... Parameters, typename... Arguments>
int32_t launch(const OpCall& call, void (*kernel)(Parameters...), const Grid& grid,
               Arguments... arguments) noexcept {
  if (grid.blocks.x == 0 || grid.blocks.y == 0 || grid.blocks.z == 0) return 0;
  const Stream& stream = streamOf(call);
  cudaSetDevice(stream.device());
  if (const int32_t status =
          allowShared(reinterpret_cast<const void*>(kernel), grid, stream.device()))
    return status;
  cudaLaunchConfig_t config{};
  config.gridDim = grid.blocks;
  config.blockDim = grid.threads;
  config.dynamicSmemBytes = grid.sharedBytes;
  config.stream = stream.handle();
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  if (grid.overlaps) {
    config.attrs = &overlap;
    config.numAttrs = 1;
  }
  return statusOf(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...));
}

inline int64_t divideUp(int64_t n, int64_t by) { return (n + by - 1) / by; }

// As many blocks as n elements need, a thread taking several where there are very many.
inline Grid gridOf(int64_t n) {
  constexpr int64_t kMostBlocks = 1 << 16;
  return {dim3(static_cast<unsigned>(std::min(divideUp(n, kThreads), kMostBlocks))),
          dim3(kThreads)};
}

template <typename Body>
__global__ void eachKernel(int64_t n, Body body) {
  const int64_t stride = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += stride) body(i);
}

// body(i) for i from 0 to n - 1, in no order. body is a lambda `[=] __device__ (int64_t i) {...}`.
template <typename Body>
int32_t forEach(const OpCall& call, int64_t n, Body body) noexcept {
  return launch(call, eachKernel<Body>, gridOf(n), n, body);
}

// n values, of `from` or, where that is null, zeros.
inline int32_t setValues(const OpCall& call, int64_t n, const float* from, float* values) noexcept {
  return forEach(call, n,
                 [=] __device__(int64_t i) { values[i] = from != nullptr ? from[i] : 0.0f; });
}

}  // namespace sluice::cuda
