// Launching kernels, within the limits of real devices.
#include <algorithm>
#include <map>

#include "allocations.h"
#include "api.h"
#include "block.h"
#include "runtime_api.h"
#include "stream.h"

namespace sluice::emulator {
namespace {

constexpr int kRegisters = 32;  // of a thread, for who asks

// Dynamic shared memory that kernels may have, where cudaFuncSetAttribute was called.
auto& sharedLimits() {
  static auto* all = new std::map<const void*, int>;
  return *all;
}

cudaDeviceProp deviceProperties() {
  cudaDeviceProp properties;
  cudaGetDeviceProperties(&properties, currentDevice());
  return properties;
}

size_t sharedLimit(const void* kernel) {
  const auto found = sharedLimits().find(kernel);
  return found == sharedLimits().end() ? deviceProperties().sharedMemPerBlock
                                       : static_cast<size_t>(found->second);
}

bool within(const dim3& size, const int (&limits)[3]) {
  const unsigned sizes[] = {size.x, size.y, size.z};
  for (int i = 0; i < 3; ++i) {
    if (sizes[i] == 0 || sizes[i] > static_cast<unsigned>(limits[i])) return false;
  }
  return true;
}

cudaError_t checkConfiguration(const cudaLaunchConfig_t& config, const void* kernel) {
  const cudaDeviceProp device = deviceProperties();
  const dim3& block = config.blockDim;
  if (!within(config.gridDim, device.maxGridSize) || !within(block, device.maxThreadsDim) ||
      block.x * block.y * block.z > static_cast<unsigned>(device.maxThreadsPerBlock) ||
      config.dynamicSmemBytes > sharedLimit(kernel)) {
    return cudaErrorInvalidConfiguration;
  }
  return cudaSuccess;
}

cudaError_t readAttributes(const cudaLaunchConfig_t& config, Grid& grid) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case cudaLaunchAttributeIgnore:
      case cudaLaunchAttributePriority:
        break;
      case cudaLaunchAttributeProgrammaticStreamSerialization:
        // Before compute capability 9.0 there is no such thing.
        if (deviceProperties().major < 9) return cudaErrorNotSupported;
        grid.early = attribute.val.programmaticStreamSerializationAllowed != 0;
        break;
      default:
        return cudaErrorNotSupported;
    }
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel,
                   std::vector<const void*> pointers, std::function<void()> run) {
  return api([&] {
    const cudaStream_t stream = findStream(config.stream);
    if (stream == nullptr || stream->device != currentDevice()) {
      return cudaErrorInvalidResourceHandle;
    }
    Grid grid{config.gridDim, config.blockDim, config.dynamicSmemBytes, false, std::move(run)};
    cudaError_t error = checkConfiguration(config, kernel);
    if (error == cudaSuccess) error = readAttributes(config, grid);
    if (error != cudaSuccess) return error;
    return enqueue(stream, [grid = std::move(grid), pointers = std::move(pointers)] {
      for (const void* pointer : pointers) {
        if (pointer != nullptr && placeOf(pointer) == Place::Pageable) {
          fault("argument %p of a kernel is not memory of a device", pointer);
        }
      }
      const DeviceAccess access;
      sluice::emulator::run(grid);
    });
  });
}

}  // namespace sluice::emulator

using namespace sluice::emulator;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  return api([&] {
    if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
    if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
        static_cast<size_t>(value) > deviceProperties().sharedMemPerBlockOptin) {
      return cudaErrorInvalidValue;
    }
    sharedLimits()[kernel] = value;
    return cudaSuccess;
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  return api([&] {
    if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
    if (attributes == nullptr) return cudaErrorInvalidValue;
    const cudaDeviceProp device = deviceProperties();
    *attributes = {};
    attributes->maxThreadsPerBlock = device.maxThreadsPerBlock;
    attributes->numRegs = kRegisters;
    attributes->ptxVersion = attributes->binaryVersion = device.major * 10 + device.minor;
    attributes->maxDynamicSharedSizeBytes = static_cast<int>(sharedLimit(kernel));
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel,
                                                          int blockThreads, size_t sharedBytes) {
  return api([&] {
    if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
    const cudaDeviceProp device = deviceProperties();
    if (blocks == nullptr || blockThreads < 1) return cudaErrorInvalidValue;
    if (blockThreads > device.maxThreadsPerBlock || sharedBytes > sharedLimit(kernel)) {
      *blocks = 0;
      return cudaSuccess;
    }
    const int threads = (blockThreads + kWarp - 1) / kWarp * kWarp;
    const size_t shared = sharedBytes + device.reservedSharedMemPerBlock;
    *blocks = std::min({device.maxThreadsPerMultiProcessor / threads,
                        device.regsPerMultiprocessor / (threads * kRegisters),
                        static_cast<int>(device.sharedMemPerMultiprocessor / shared),
                        device.maxBlocksPerMultiProcessor});
    return cudaSuccess;
  });
}
