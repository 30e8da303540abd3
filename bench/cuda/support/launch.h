// Launches with clusters, together on the device, or before the kernel before them has ended.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "support/check.h"

namespace bench {

struct Launch {
  unsigned blocks = 1;
  unsigned threads = 32;
  size_t sharedBytes = 0;
  cudaStream_t stream = nullptr;
  unsigned cluster = 1;      // blocks a cluster
  bool cooperative = false;  // refused unless all blocks can be resident at once
  bool early = false;        // programmatic dependent launch
};

class LaunchConfig {
 public:
  explicit LaunchConfig(const Launch& launch) {
    config_.gridDim = dim3(launch.blocks);
    config_.blockDim = dim3(launch.threads);
    config_.dynamicSmemBytes = launch.sharedBytes;
    config_.stream = launch.stream;
    if (launch.cluster > 1) {
      cudaLaunchAttribute& attribute = add(cudaLaunchAttributeClusterDimension);
      attribute.val.clusterDim.x = launch.cluster;
      attribute.val.clusterDim.y = 1;
      attribute.val.clusterDim.z = 1;
    }
    if (launch.cooperative) add(cudaLaunchAttributeCooperative).val.cooperative = 1;
    if (launch.early)
      add(cudaLaunchAttributeProgrammaticStreamSerialization)
          .val.programmaticStreamSerializationAllowed = 1;
    config_.attrs = attributes_;
  }
  LaunchConfig(const LaunchConfig&) = delete;
  LaunchConfig& operator=(const LaunchConfig&) = delete;
  const cudaLaunchConfig_t* get() const { return &config_; }

 private:
  cudaLaunchAttribute& add(cudaLaunchAttributeID id) {
    cudaLaunchAttribute& attribute = attributes_[config_.numAttrs++];
    attribute.id = id;
    return attribute;
  }

  cudaLaunchAttribute attributes_[3]{};
  cudaLaunchConfig_t config_{};
};

template <typename... Parameters, typename... Arguments>
void run(const Launch& launch, void (*kernel)(Parameters...), Arguments&&... arguments) {
  const LaunchConfig config(launch);
  check(cudaLaunchKernelEx(config.get(), kernel, std::forward<Arguments>(arguments)...),
        "cudaLaunchKernelEx");
}

// Lets a kernel have more dynamic shared memory than the usual 48 KiB, and clusters of 16.
template <typename Kernel>
void allowMuch(Kernel kernel, size_t sharedBytes, bool largeClusters) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(sharedBytes)),
        "cudaFuncAttributeMaxDynamicSharedMemorySize");
  if (largeClusters)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1),
          "cudaFuncAttributeNonPortableClusterSizeAllowed");
}

// How many clusters of this shape the device runs at once.
template <typename Kernel>
int activeClusters(Kernel kernel, const Launch& launch) {
  const LaunchConfig config(launch);
  int count = 0;
  check(cudaOccupancyMaxActiveClusters(&count, kernel, config.get()),
        "cudaOccupancyMaxActiveClusters");
  return count;
}

}  // namespace bench
