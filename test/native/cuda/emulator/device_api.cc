// Errors, and what the emulated devices say of themselves.
#include <algorithm>
#include <cstdio>

#include "api.h"
#include "runtime_api.h"
#include "settings.h"

namespace sluice::emulator {
namespace {

constexpr int kVersion = 13000;  // of runtime and driver
constexpr int kMultiprocessors = 8;

thread_local cudaError_t lastError = cudaSuccess;
thread_local int device = 0;

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

#define SLUICE_ERROR(error, text) \
  { error, #error, text }
constexpr ErrorText kErrors[] = {
    SLUICE_ERROR(cudaSuccess, "no error"),
    SLUICE_ERROR(cudaErrorInvalidValue, "invalid argument"),
    SLUICE_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    SLUICE_ERROR(cudaErrorInitializationError, "initialization error"),
    SLUICE_ERROR(cudaErrorInvalidConfiguration, "invalid configuration of a launch"),
    SLUICE_ERROR(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    SLUICE_ERROR(cudaErrorInvalidMemcpyDirection, "invalid direction of a copy"),
    SLUICE_ERROR(cudaErrorInsufficientDriver, "the driver is older than the runtime needs"),
    SLUICE_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    SLUICE_ERROR(cudaErrorNoDevice, "no device was found"),
    SLUICE_ERROR(cudaErrorInvalidDevice, "invalid device"),
    SLUICE_ERROR(cudaErrorNoKernelImageForDevice, "no kernels for this device"),
    SLUICE_ERROR(cudaErrorInvalidResourceHandle, "invalid handle"),
    SLUICE_ERROR(cudaErrorIllegalState, "the object is in a state that does not allow it"),
    SLUICE_ERROR(cudaErrorNotReady, "not ready"),
    SLUICE_ERROR(cudaErrorIllegalAddress, "an illegal memory access"),
    SLUICE_ERROR(cudaErrorLaunchOutOfResources, "too many resources for a launch"),
    SLUICE_ERROR(cudaErrorLaunchFailure, "a launch failed"),
    SLUICE_ERROR(cudaErrorNotSupported, "not supported"),
    SLUICE_ERROR(cudaErrorStreamCaptureUnsupported, "not allowed while a stream is capturing"),
    SLUICE_ERROR(cudaErrorStreamCaptureInvalidated, "an earlier error made the capture invalid"),
    SLUICE_ERROR(cudaErrorStreamCaptureMerge, "two captures may not be merged"),
    SLUICE_ERROR(cudaErrorStreamCaptureUnmatched, "the capture began in another stream"),
    SLUICE_ERROR(cudaErrorStreamCaptureUnjoined, "work of a capture was not joined to its stream"),
    SLUICE_ERROR(cudaErrorStreamCaptureIsolation, "a capture may not depend on other work"),
    SLUICE_ERROR(cudaErrorStreamCaptureImplicit, "a capture may not involve the default stream"),
    SLUICE_ERROR(cudaErrorCapturedEvent, "the event was recorded in a capture"),
    SLUICE_ERROR(cudaErrorStreamCaptureWrongThread, "the capture began in another thread"),
    SLUICE_ERROR(cudaErrorUnknown, "unknown error"),
};
#undef SLUICE_ERROR

const ErrorText& textOf(cudaError_t error) {
  for (const ErrorText& entry : kErrors) {
    if (entry.error == error) return entry;
  }
  return *(std::end(kErrors) - 1);
}

// Shared memory of the multiprocessors of a compute capability, in KiB. A block gets one less.
int sharedKiB(int capability) {
  switch (capability) {
    case 80:
      return 164;
    case 86:
    case 89:
    case 120:
      return 100;
    default:
      return 228;
  }
}

cudaDeviceProp properties(int number) {
  const int capability = computeCapability();
  cudaDeviceProp p{};
  std::snprintf(p.name, sizeof p.name, "Emulated device %d", number);
  p.totalGlobalMem = memoryBytes();
  p.sharedMemPerBlock = size_t{48} << 10;
  p.regsPerBlock = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = 1024;
  std::copy_n((const int[]){1024, 1024, 64}, 3, p.maxThreadsDim);
  std::copy_n((const int[]){2147483647, 65535, 65535}, 3, p.maxGridSize);
  p.totalConstMem = 65536;
  p.major = capability / 10;
  p.minor = capability % 10;
  p.multiProcessorCount = kMultiprocessors;
  p.concurrentKernels = 1;
  p.pciBusID = number;
  p.asyncEngineCount = 2;
  p.unifiedAddressing = 1;
  p.memoryBusWidth = 256;
  p.l2CacheSize = 4 << 20;
  p.sharedMemPerMultiprocessor = static_cast<size_t>(sharedKiB(capability)) << 10;
  p.reservedSharedMemPerBlock = 1 << 10;
  p.sharedMemPerBlockOptin = p.sharedMemPerMultiprocessor - p.reservedSharedMemPerBlock;
  const bool small = capability == 86 || capability == 89 || capability == 120;
  p.maxThreadsPerMultiProcessor = small ? 1536 : 2048;
  p.maxBlocksPerMultiProcessor = small ? 16 : 32;
  p.regsPerMultiprocessor = 65536;
  p.cooperativeLaunch = 0;  // blocks run one after the other
  p.clusterLaunch = 0;
  return p;
}

cudaError_t attributeOf(const cudaDeviceProp& p, cudaDeviceAttr attribute, int* value) {
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(p.sharedMemPerBlock);
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMaxRegistersPerBlock:
      *value = p.regsPerBlock;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      *value = p.regsPerMultiprocessor;
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = p.cooperativeLaunch;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      *value = p.maxBlocksPerMultiProcessor;
      break;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      *value = static_cast<int>(p.reservedSharedMemPerBlock);
      break;
    default:
      return cudaErrorInvalidValue;
  }
  return cudaSuccess;
}

}  // namespace

std::recursive_mutex& apiMutex() {
  static auto* mutex = new std::recursive_mutex;  // outlives every thread
  return *mutex;
}

int currentDevice() { return device; }

cudaError_t checkDevices() {
  if (deviceCount() < 0) return cudaErrorInsufficientDriver;
  return deviceCount() == 0 ? cudaErrorNoDevice : cudaSuccess;
}

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) lastError = error;
  return error;
}

}  // namespace sluice::emulator

using namespace sluice::emulator;

const char* cudaGetErrorName(cudaError_t error) { return textOf(error).name; }
const char* cudaGetErrorString(cudaError_t error) { return textOf(error).text; }

cudaError_t cudaGetLastError() {
  const cudaError_t error = lastError;
  lastError = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return lastError; }

// These two answer without a device; the first says 0 where there is no driver.
cudaError_t cudaDriverGetVersion(int* version) {
  if (version == nullptr) return remember(cudaErrorInvalidValue);
  *version = deviceCount() < 0 ? 0 : kVersion;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  if (version == nullptr) return remember(cudaErrorInvalidValue);
  *version = kVersion;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (count != nullptr) *count = 0;
  return api([&] {
    if (count == nullptr) return cudaErrorInvalidValue;
    *count = deviceCount();
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* result, int number) {
  return api([&] {
    if (number < 0 || number >= deviceCount()) return cudaErrorInvalidDevice;
    if (result == nullptr) return cudaErrorInvalidValue;
    *result = properties(number);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int number) {
  return api([&] {
    if (number < 0 || number >= deviceCount()) return cudaErrorInvalidDevice;
    if (value == nullptr) return cudaErrorInvalidValue;
    return attributeOf(properties(number), attribute, value);
  });
}

cudaError_t cudaSetDevice(int number) {
  return api([&] {
    if (number < 0 || number >= deviceCount()) return cudaErrorInvalidDevice;
    device = number;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* number) {
  return api([&] {
    if (number == nullptr) return cudaErrorInvalidValue;
    *number = device;
    return cudaSuccess;
  });
}
