// What tests of the emulator have in common: handles that free themselves.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "support/setting.h"

namespace sluice::test {

inline void expectOk(cudaError_t error) { EXPECT_STREQ(cudaGetErrorName(error), "cudaSuccess"); }

// An array of the device.
template <typename T>
class Array {
 public:
  explicit Array(size_t count) : count_(count) { expectOk(cudaMalloc(&data_, bytes())); }
  explicit Array(const std::vector<T>& values) : Array(values.size()) {
    expectOk(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice));
  }
  ~Array() { expectOk(cudaFree(data_)); }
  Array(const Array&) = delete;

  T* data() const { return data_; }
  size_t bytes() const { return count_ * sizeof(T); }
  std::vector<T> values() const {
    std::vector<T> values(count_);
    expectOk(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

inline std::vector<float> ramp(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

class Stream {
 public:
  Stream() { expectOk(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { expectOk(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { expectOk(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { expectOk(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

inline cudaLaunchConfig_t withShared(cudaLaunchConfig_t config, size_t bytes) {
  config.dynamicSmemBytes = bytes;
  return config;
}

}  // namespace sluice::test
