#include "cuda/stream.h"

#include <new>

namespace sluice::cuda {

int32_t Stream::open(int32_t device, std::unique_ptr<Stream>& opened) noexcept {
  std::unique_ptr<Stream> stream(new (std::nothrow) Stream(device));
  if (!stream) return kOutOfMemory;
  cudaError_t error = cudaSetDevice(device);
  if (error == cudaSuccess)
    error = cudaStreamCreateWithFlags(&stream->handle_, cudaStreamNonBlocking);
  if (error == cudaSuccess)
    error = cudaEventCreateWithFlags(&stream->reached_, cudaEventDisableTiming);
  if (error == cudaSuccess) opened = std::move(stream);
  return statusOf(error);
}

Stream::~Stream() {
  cudaSetDevice(device_);
  beside_.reset();
  cublas_.reset();
  if (reached_ != nullptr) cudaEventDestroy(reached_);
  if (handle_ != nullptr) cudaStreamDestroy(handle_);
}

int32_t Stream::follow(Stream& other) noexcept {
  cudaError_t error = cudaSetDevice(other.device_);
  if (error == cudaSuccess) error = cudaEventRecord(other.reached_, other.handle_);
  if (error == cudaSuccess) error = cudaSetDevice(device_);
  if (error == cudaSuccess) error = cudaStreamWaitEvent(handle_, other.reached_, 0);
  return statusOf(error);
}

Cublas* Stream::cublas() noexcept {
  if (!lookedForCublas_) cublas_.reset(Cublas::open(device_, handle_));
  lookedForCublas_ = true;
  return cublas_.get();
}

Stream* Stream::beside() noexcept {
  if (!lookedForBeside_ && open(device_, beside_) != 0) cudaGetLastError();
  lookedForBeside_ = true;
  return beside_.get();
}

}  // namespace sluice::cuda
