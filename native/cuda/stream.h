// What stands behind the engine's queues: a stream of one device.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>

#include "cuda/cublas.h"
#include "engine/backend/abi.h"

namespace sluice::cuda {

struct Stream {
  int32_t device = 0;  // of the runtime, not the index among usable ones
  cudaStream_t handle = nullptr;
  std::unique_ptr<Cublas> cublas{};
  bool hasCublas = true;  // until it was looked for
};

// Null where there is none. Looked for once, by the first product that wants it: not while the
// stream records, as that allocates; what is recorded has been run before.
inline Cublas* cublasOf(Stream& stream) {
  if (stream.hasCublas && !stream.cublas) {
    stream.cublas.reset(Cublas::open(stream.device, stream.handle));
    stream.hasCublas = stream.cublas != nullptr;
  }
  return stream.cublas.get();
}

// Functions of the backend return these; statusText tells what they were.
constexpr int32_t kCublasStatus = 500;
constexpr int32_t kCudaStatus = 1000;
inline int32_t statusOf(cudaError_t error) {
  if (error == cudaSuccess) return 0;
  return error == cudaErrorMemoryAllocation ? kOutOfMemory
                                            : kCudaStatus + static_cast<int32_t>(error);
}

inline Stream& streamOf(const OpCall& call) { return *static_cast<Stream*>(call.context->queue); }

}  // namespace sluice::cuda
