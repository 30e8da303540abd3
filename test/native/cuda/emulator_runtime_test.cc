// The emulated runtime: devices, memory, and what it refuses.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "cuda/emulator_kernels.h"
#include "cuda/emulator_support.h"

namespace sluice::test {
namespace {

// --- limits -------------------------------------------------------------------------------------

TEST(CudaEmulator, RefusesLaunchesBeyondTheLimits) {
  const Array<float> x(ramp(32));
  const auto launch = [&](const cudaLaunchConfig_t& config) {
    return launchScale(config, x.data(), 1, x.data(), 32);
  };
  expectOk(launch(configure(1, 1024)));
  EXPECT_EQ(launch(configure(1, 1025)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(launch(configure(0, 32)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(configure(1, 0)), cudaErrorInvalidConfiguration);
  cudaLaunchConfig_t config = configure(1, 1);
  config.gridDim.y = 65536;
  EXPECT_EQ(launch(config), cudaErrorInvalidConfiguration);
  config = configure(1, 1);
  config.blockDim.z = 65;
  EXPECT_EQ(launch(config), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(withShared(configure(1, 32), 49153)), cudaErrorInvalidConfiguration);
  cudaGetLastError();
}

TEST(CudaEmulator, SharedMemoryBeyond48KiBIsAskedFor) {
  const Setting large("SLUICE_EMULATOR_CAPABILITY", "90");
  const Array<float> of(2);
  const Array<int> turn(std::vector<int>{0});
  const Array<int> turns(1);
  const auto launch = [&](size_t bytes) {
    return launchFresh(withShared(configure(1, 1), bytes), of.data(), turn.data(), turns.data());
  };
  EXPECT_EQ(launch(100 << 10), cudaErrorInvalidConfiguration);
  EXPECT_EQ(allowShared(228 << 10), cudaErrorInvalidValue);
  expectOk(allowShared(227 << 10));
  expectOk(launch(227 << 10));
  int blocks = 0;
  expectOk(countBlocks(&blocks, 256, 113 << 10));
  EXPECT_EQ(blocks, 2);
  expectOk(countBlocks(&blocks, 1024, 1 << 10));
  EXPECT_EQ(blocks, 2);
  const Setting small("SLUICE_EMULATOR_CAPABILITY", "86");
  EXPECT_EQ(allowShared(100 << 10), cudaErrorInvalidValue);
  expectOk(allowShared(48 << 10));
  cudaGetLastError();
}

TEST(CudaEmulator, Devices) {
  int value = 0;
  cudaDeviceProp properties;
  {
    const Setting setting("SLUICE_EMULATOR_DEVICES", "0");
    EXPECT_EQ(cudaGetDeviceCount(&value), cudaErrorNoDevice);
    void* pointer = nullptr;
    EXPECT_EQ(cudaMalloc(&pointer, 4), cudaErrorNoDevice);
  }
  {
    const Setting setting("SLUICE_EMULATOR_DEVICES", "-1");
    EXPECT_EQ(cudaGetDeviceCount(&value), cudaErrorInsufficientDriver);
    expectOk(cudaDriverGetVersion(&value));
    EXPECT_EQ(value, 0);
  }
  {
    const Setting setting("SLUICE_EMULATOR_DEVICES", "2");
    expectOk(cudaGetDeviceCount(&value));
    EXPECT_EQ(value, 2);
    expectOk(cudaSetDevice(1));
    expectOk(cudaGetDevice(&value));
    EXPECT_EQ(value, 1);
    EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
    expectOk(cudaSetDevice(0));
  }
  expectOk(cudaGetDeviceProperties(&properties, 0));
  EXPECT_GT(std::strlen(properties.name), 0u);
  EXPECT_EQ(properties.warpSize, 32);
  expectOk(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0));
  EXPECT_EQ(value, properties.major);
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 1), cudaErrorInvalidDevice);
  cudaGetLastError();
}

TEST(CudaEmulator, MemoryEnds) {
  size_t free = 0;
  size_t total = 0;
  const Setting setting("SLUICE_EMULATOR_MEMORY", "1000000");
  expectOk(cudaMemGetInfo(&free, &total));
  EXPECT_EQ(total, 1000000u);
  void* first = nullptr;
  void* second = nullptr;
  EXPECT_EQ(cudaMalloc(&first, free + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(first, nullptr);
  expectOk(cudaMalloc(&first, free - 10));
  EXPECT_EQ(cudaMalloc(&second, 11), cudaErrorMemoryAllocation);
  expectOk(cudaMalloc(&second, 10));
  expectOk(cudaFree(first));
  expectOk(cudaFree(second));
  expectOk(cudaFree(nullptr));
  EXPECT_EQ(cudaFree(second), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(CudaEmulator, DeviceMemoryBeginsWithNaN) {
  const Array<float> x(5);
  for (const float value : x.values()) EXPECT_TRUE(std::isnan(value));
}

TEST(CudaEmulator, CopiesCheckTheirPointers) {
  const Array<float> device(4);
  std::vector<float> host(5);
  const auto copy = [](void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    return cudaMemcpy(to, from, bytes, kind);
  };
  expectOk(copy(device.data(), host.data(), 16, cudaMemcpyHostToDevice));
  expectOk(copy(device.data() + 3, host.data(), 4, cudaMemcpyDefault));
  EXPECT_EQ(copy(device.data() + 1, host.data(), 16, cudaMemcpyHostToDevice),
            cudaErrorInvalidValue);
  EXPECT_EQ(copy(host.data(), host.data() + 1, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(host.data(), device.data(), 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(host.data(), device.data(), 20, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(copy(device.data(), device.data(), 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(device.data(), nullptr, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(host.data(), 0, 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(device.data(), 0, 17), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(device.data() + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(device.data()), cudaErrorInvalidValue);
  cudaGetLastError();
}

}  // namespace
}  // namespace sluice::test
