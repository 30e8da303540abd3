// What every function of the runtime does around its own work.
#pragma once

#include <mutex>

#include "runtime_types.h"

namespace sluice::emulator {

std::recursive_mutex& apiMutex();
int currentDevice();                      // of the calling thread
cudaError_t checkDevices();               // whether there is a driver, and a device
cudaError_t remember(cudaError_t error);  // for cudaGetLastError

// One call at a time, on a machine that has a device.
template <typename F>
cudaError_t api(F&& body) {
  const std::lock_guard lock(apiMutex());
  cudaError_t error = checkDevices();
  if (error == cudaSuccess) error = body();
  return remember(error);
}

}  // namespace sluice::emulator
