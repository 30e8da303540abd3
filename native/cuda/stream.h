// What stands behind the engine's queues: a stream of one device.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>

#include "cuda/cublas.h"
#include "engine/backend/abi.h"

namespace sluice::cuda {

// Functions of the backend return these; statusText tells what they were.
constexpr int32_t kCublasStatus = 500;
constexpr int32_t kCudaStatus = 1000;
inline int32_t statusOf(cudaError_t error) {
  if (error == cudaSuccess) return 0;
  return error == cudaErrorMemoryAllocation ? kOutOfMemory
                                            : kCudaStatus + static_cast<int32_t>(error);
}

class Stream {
 public:
  // device: of the runtime, not the index among usable ones.
  static int32_t open(int32_t device, std::unique_ptr<Stream>& opened) noexcept;
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int32_t device() const { return device_; }
  cudaStream_t handle() const { return handle_; }

  // What comes next waits for what is in the other one now.
  int32_t follow(Stream& other) noexcept;

  // Both are null where there is none, and looked for once, by the first who wants them: not while
  // the stream records, as that allocates; what is recorded has been run before.
  Cublas* cublas() noexcept;
  // A second stream, for what may run at the same time.
  Stream* beside() noexcept;

 private:
  explicit Stream(int32_t device) : device_(device) {}

  int32_t device_;
  cudaStream_t handle_ = nullptr;
  cudaEvent_t reached_ = nullptr;  // what others wait for
  std::unique_ptr<Cublas> cublas_;
  std::unique_ptr<Stream> beside_;
  bool lookedForCublas_ = false, lookedForBeside_ = false;
};

inline Stream& streamOf(const OpCall& call) { return *static_cast<Stream*>(call.context->queue); }

}  // namespace sluice::cuda
