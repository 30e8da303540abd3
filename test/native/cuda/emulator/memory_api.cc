// Memory: allocations, and copies that check where they go.
#include <cstring>

#include "allocations.h"
#include "api.h"
#include "runtime_api.h"
#include "settings.h"
#include "stream.h"

using namespace sluice::emulator;

namespace {

struct Copy {
  void* to;
  size_t toPitch;
  const void* from;
  size_t fromPitch;
  size_t width;
  size_t height;

  size_t toBytes() const { return (height - 1) * toPitch + width; }
  size_t fromBytes() const { return (height - 1) * fromPitch + width; }
};

// Runs where all that it touches still exists.
void copyNow(const Copy& copy) {
  const DeviceAccess access;
  for (size_t row = 0; row < copy.height; ++row) {
    std::memcpy(static_cast<char*>(copy.to) + row * copy.toPitch,
                static_cast<const char*>(copy.from) + row * copy.fromPitch, copy.width);
  }
}

bool isDevice(const void* pointer) { return placeOf(pointer) == Place::Device; }

cudaError_t checkCopy(const Copy& copy, cudaMemcpyKind kind) {
  if (copy.width > copy.toPitch || copy.width > copy.fromPitch) return cudaErrorInvalidValue;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) {
    return cudaErrorInvalidMemcpyDirection;
  }
  const bool inferred = kind == cudaMemcpyDefault;
  const bool toDevice = inferred
                            ? isDevice(copy.to)
                            : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool fromDevice = inferred
                              ? isDevice(copy.from)
                              : kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const auto fits = [](bool device, const void* pointer, size_t bytes) {
    if (pointer == nullptr) return false;
    return device ? isDeviceMemory(pointer, bytes) : isHostMemory(pointer, bytes);
  };
  return fits(toDevice, copy.to, copy.toBytes()) && fits(fromDevice, copy.from, copy.fromBytes())
             ? cudaSuccess
             : cudaErrorInvalidValue;
}

cudaError_t enqueueCopy(const Copy& copy, cudaMemcpyKind kind, cudaStream_t stream, bool wait) {
  if (copy.width == 0 || copy.height == 0) return cudaSuccess;
  const cudaError_t error = checkCopy(copy, kind);
  if (error != cudaSuccess) return error;
  const cudaStream_t found = findStream(stream);
  if (found == nullptr) return cudaErrorInvalidResourceHandle;
  // Host memory that is not pinned is read, or written, before the call returns.
  const bool pageable =
      placeOf(copy.to) == Place::Pageable || placeOf(copy.from) == Place::Pageable;
  const auto operation = [copy] { copyNow(copy); };
  if (wait || (pageable && found->capture == nullptr)) return enqueueAndWait(found, operation);
  return enqueue(found, operation);
}

cudaError_t enqueueFill(void* pointer, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!isDeviceMemory(pointer, bytes)) return cudaErrorInvalidValue;
  const cudaStream_t found = findStream(stream);
  if (found == nullptr) return cudaErrorInvalidResourceHandle;
  return enqueue(found, [=] {
    const DeviceAccess access;
    std::memset(pointer, value, bytes);
  });
}

template <typename Allocate>
cudaError_t allocate(void** pointer, size_t bytes, Allocate&& allocateBytes) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  *pointer = nullptr;
  const cudaError_t error = checkNotCapturing();
  if (error != cudaSuccess || bytes == 0) return error;
  *pointer = allocateBytes();
  return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

// Freeing waits for the device.
template <typename Free>
cudaError_t release(void* pointer, Free&& free) {
  const cudaError_t error = checkNotCapturing();
  if (error != cudaSuccess || pointer == nullptr) return error;
  for (int device = 0; device < deviceCount(); ++device) drainDevice(device);
  return free(pointer) ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  return api([&] {
    return allocate(pointer, bytes, [&] { return allocateDevice(currentDevice(), bytes); });
  });
}

cudaError_t cudaFree(void* pointer) {
  return api([&] { return release(pointer, freeDevice); });
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  return cudaHostAlloc(pointer, bytes, cudaHostAllocDefault);
}

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return api([&] {
    if (flags > 7) return cudaErrorInvalidValue;
    return allocate(pointer, bytes, [&] { return allocatePinned(bytes); });
  });
}

cudaError_t cudaFreeHost(void* pointer) {
  return api([&] { return release(pointer, freePinned); });
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return api([&] {
    const size_t used = usedBytes(currentDevice());
    *total = memoryBytes();
    *free = used < *total ? *total - used : 0;
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return api([&] { return enqueueCopy({to, bytes, from, bytes, bytes, 1}, kind, nullptr, true); });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return api([&] { return enqueueCopy({to, bytes, from, bytes, bytes, 1}, kind, stream, false); });
}

cudaError_t cudaMemcpy2DAsync(void* to, size_t toPitch, const void* from, size_t fromPitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return api([&] {
    return enqueueCopy({to, toPitch, from, fromPitch, width, height}, kind, stream, false);
  });
}

cudaError_t cudaMemset(void* pointer, int value, size_t bytes) {
  return api([&] { return enqueueFill(pointer, value, bytes, nullptr); });
}

cudaError_t cudaMemsetAsync(void* pointer, int value, size_t bytes, cudaStream_t stream) {
  return api([&] { return enqueueFill(pointer, value, bytes, stream); });
}
