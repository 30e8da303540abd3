#include "cuda/probe.h"

#include <cuda_runtime.h>

#include <cstdio>

#include "cuda/stream.h"

namespace sluice::cuda {
namespace {

constexpr int kOldestMajor = 8;  // Ampere: bfloat16, asynchronous copies
constexpr int kMostDevices = 64;

int usable[kMostDevices];
int32_t usableCount = 0;

// Is there machine code, or code to translate, for a device? A kernel's attributes tell.
__global__ void probeKernel(int* out) { *out = 1; }

// The runtime that is built in, and that the driver must be for.
int runtimeVersion() {
  int version = 0;
  cudaRuntimeGetVersion(&version);
  return version;
}
int majorOf(int version) { return version / 1000; }
int minorOf(int version) { return version % 1000 / 10; }

// Null where the device can be used. `text` may hold what is returned.
const char* whyNot(int device, char* text, size_t bytes) {
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device)) {
    std::snprintf(text, bytes, "GPU %d does not tell what it is: %s", device,
                  cudaGetErrorString(error));
    return text;
  }
  if (properties.major < kOldestMajor) {
    std::snprintf(text, bytes, "%s has compute capability %d.%d, %d.0 is the least",
                  properties.name, properties.major, properties.minor, kOldestMajor);
    return text;
  }
  return nullptr;
}

}  // namespace

int32_t probe(char* reason, size_t reasonBytes) noexcept {
  usableCount = 0;
  reason[0] = '\0';
  int driver = 0;
  cudaDriverGetVersion(&driver);
  if (driver == 0) {
    std::snprintf(reason, reasonBytes, "there is no NVIDIA driver (libcuda.so.1)");
    return 0;
  }
  if (majorOf(driver) < majorOf(runtimeVersion())) {
    std::snprintf(reason, reasonBytes,
                  "the NVIDIA driver is for CUDA %d.%d, at least %d.0 is needed: update it",
                  majorOf(driver), minorOf(driver), majorOf(runtimeVersion()));
    return 0;
  }
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    cudaGetLastError();
    std::snprintf(reason, reasonBytes, "the NVIDIA driver finds no GPU: %s",
                  cudaGetErrorString(error));
    return 0;
  }
  if (count == 0) std::snprintf(reason, reasonBytes, "the NVIDIA driver finds no GPU");
  for (int device = 0; device < count && usableCount < kMostDevices; ++device)
    if (whyNot(device, reason, reasonBytes) == nullptr) usable[usableCount++] = device;
  return usableCount;
}

int32_t deviceAt(int32_t index) noexcept { return usable[index]; }

int32_t start(int32_t index) noexcept {
  cudaFuncAttributes attributes;
  cudaError_t error = cudaSetDevice(deviceAt(index));
  if (error == cudaSuccess)
    error = cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(probeKernel));
  if (error != cudaSuccess) cudaGetLastError();
  return statusOf(error);
}

int32_t describe(int32_t index, DeviceDescription* description) noexcept {
  cudaDeviceProp properties;
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, deviceAt(index)))
    return statusOf(error);
  int driver = 0;
  cudaDriverGetVersion(&driver);
  std::snprintf(description->name, sizeof description->name, "%s", properties.name);
  std::snprintf(description->description, sizeof description->description,
                "compute capability %d.%d, %d multiprocessors, %.1f GiB, CUDA %d.%d (driver %d.%d)",
                properties.major, properties.minor, properties.multiProcessorCount,
                static_cast<double>(properties.totalGlobalMem) / (1 << 30),
                majorOf(runtimeVersion()), minorOf(runtimeVersion()), majorOf(driver),
                minorOf(driver));
  std::snprintf(description->target, sizeof description->target, "sm_%d%d", properties.major,
                properties.minor);
  return 0;
}

}  // namespace sluice::cuda
