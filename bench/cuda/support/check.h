// Failures of the CUDA runtime as exceptions.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace bench {

inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

// After a launch, and after waiting for it: what the launch and the kernel itself ran into.
inline void checkLaunch(const char* what) { check(cudaGetLastError(), what); }

inline void synchronize(const char* what) { check(cudaDeviceSynchronize(), what); }

// Device memory of n elements that frees itself.
template <typename T>
class Buffer {
 public:
  explicit Buffer(size_t count) : count_(count) {
    check(cudaMalloc(&data_, count * sizeof(T)), "cudaMalloc");
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { cudaFree(data_); }

  T* data() const { return data_; }
  size_t count() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }

  void fillBytes(int value) { check(cudaMemset(data_, value, bytes()), "cudaMemset"); }
  void put(const T* from) {
    check(cudaMemcpy(data_, from, bytes(), cudaMemcpyHostToDevice), "copy to the device");
  }
  void get(T* to) const {
    check(cudaMemcpy(to, data_, bytes(), cudaMemcpyDeviceToHost), "copy from the device");
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

}  // namespace bench
