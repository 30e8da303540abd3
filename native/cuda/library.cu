// The library's one exported function, and the memory, streams and graphs behind the engine's.
#include <cuda_runtime.h>

#include <cstdio>
#include <memory>
#include <new>

#include "cuda/probe.h"
#include "cuda/stream.h"
#include "cuda/table.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.0.0"
#endif

namespace sluice::cuda {
namespace {

struct Graph {
  int32_t device = 0;
  cudaGraphExec_t handle = nullptr;
};

Stream& stream(void* queue) { return *static_cast<Stream*>(queue); }

// A body that works on a device, or in a queue of one.
template <typename Body>
int32_t on(int32_t device, Body&& body) {
  if (const cudaError_t error = cudaSetDevice(device)) return statusOf(error);
  return statusOf(body());
}
template <typename Body>
int32_t in(void* queue, Body&& body) {
  return on(stream(queue).device(), [&] { return body(stream(queue).handle()); });
}

// A failed allocation leaves an error that the next launch would report as its own.
cudaError_t forgetting(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) cudaGetLastError();
  return error;
}

const Kernel* kernel(int32_t, const char* op) noexcept { return kernelNamed(op); }

const char* whyNotPrecision(int32_t, Precision) noexcept { return nullptr; }

void statusText(int32_t status, char* text, size_t bytes) noexcept {
  if (status == kOutOfMemory) {
    std::snprintf(text, bytes, "the device is out of memory");
  } else if (status >= kCudaStatus) {
    const auto error = static_cast<cudaError_t>(status - kCudaStatus);
    std::snprintf(text, bytes, "%s: %s", cudaGetErrorName(error), cudaGetErrorString(error));
  } else if (status >= kCublasStatus) {
    std::snprintf(text, bytes, "cuBLAS: status %d", status - kCublasStatus);
  } else {
    std::snprintf(text, bytes, "status %d", status);
  }
}

int32_t allocate(int32_t index, size_t bytes, void** memory) noexcept {
  return on(deviceAt(index), [&] { return forgetting(cudaMalloc(memory, bytes)); });
}
int32_t release(int32_t index, void* memory) noexcept {
  return on(deviceAt(index), [&] { return cudaFree(memory); });
}
int32_t allocateHost(int32_t index, size_t bytes, void** memory) noexcept {
  return on(deviceAt(index), [&] { return forgetting(cudaMallocHost(memory, bytes)); });
}
int32_t releaseHost(int32_t index, void* memory) noexcept {
  return on(deviceAt(index), [&] { return cudaFreeHost(memory); });
}
int32_t memoryInfo(int32_t index, size_t* free, size_t* total) noexcept {
  return on(deviceAt(index), [&] { return cudaMemGetInfo(free, total); });
}

int32_t openQueue(int32_t index, void** queue) noexcept {
  std::unique_ptr<Stream> opened;
  const int32_t status = Stream::open(deviceAt(index), opened);
  *queue = opened.release();
  return status;
}
int32_t closeQueue(void* queue) noexcept {
  delete static_cast<Stream*>(queue);
  return 0;
}

int32_t copy(void* queue, void* to, const void* from, size_t bytes, cudaMemcpyKind kind) noexcept {
  return in(queue, [&](cudaStream_t s) { return cudaMemcpyAsync(to, from, bytes, kind, s); });
}
int32_t copyIn(void* queue, void* device, const void* host, size_t bytes) noexcept {
  return copy(queue, device, host, bytes, cudaMemcpyHostToDevice);
}
int32_t copyOut(void* queue, void* host, const void* device, size_t bytes) noexcept {
  return copy(queue, host, device, bytes, cudaMemcpyDeviceToHost);
}
int32_t copyWithin(void* queue, void* to, const void* from, size_t bytes) noexcept {
  return copy(queue, to, from, bytes, cudaMemcpyDeviceToDevice);
}
int32_t fill(void* queue, void* device, int32_t byte, size_t bytes) noexcept {
  return in(queue, [&](cudaStream_t s) { return cudaMemsetAsync(device, byte, bytes, s); });
}
int32_t synchronize(void* queue) noexcept {
  return in(queue, [](cudaStream_t s) { return cudaStreamSynchronize(s); });
}
int32_t follow(void* queue, void* other) noexcept { return stream(queue).follow(stream(other)); }

int32_t beginRecording(void* queue) noexcept {
  return in(queue, [](cudaStream_t s) {
    return cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal);
  });
}
int32_t endRecording(void* queue, void** recording) noexcept {
  *recording = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t handle = nullptr;
  int32_t status = in(queue, [&](cudaStream_t s) { return cudaStreamEndCapture(s, &graph); });
  if (status == 0 && graph != nullptr) status = statusOf(cudaGraphInstantiate(&handle, graph, 0));
  if (graph != nullptr) cudaGraphDestroy(graph);
  if (status != 0) cudaGetLastError();
  if (status == 0 && handle != nullptr)
    *recording = new (std::nothrow) Graph{stream(queue).device(), handle};
  return status;
}
int32_t replay(void* queue, void* recording) noexcept {
  return in(queue, [&](cudaStream_t s) {
    return cudaGraphLaunch(static_cast<Graph*>(recording)->handle, s);
  });
}
int32_t releaseRecording(void* recording) noexcept {
  auto* graph = static_cast<Graph*>(recording);
  const int32_t status = on(graph->device, [&] { return cudaGraphExecDestroy(graph->handle); });
  delete graph;
  return status;
}

}  // namespace
}  // namespace sluice::cuda

extern "C" __attribute__((visibility("default"))) const sluice::BackendLibrary* sluice_backend() {
  using namespace sluice::cuda;
  static const sluice::BackendLibrary kLibrary{
      .version = SLUICE_VERSION,
      .name = "cuda",
      .probe = probe,
      .describe = describe,
      .start = start,
      .kernel = kernel,
      .whyNotPrecision = whyNotPrecision,
      .statusText = statusText,
      .allocate = allocate,
      .release = release,
      .allocateHost = allocateHost,
      .releaseHost = releaseHost,
      .memoryInfo = memoryInfo,
      .openQueue = openQueue,
      .closeQueue = closeQueue,
      .copyIn = copyIn,
      .copyOut = copyOut,
      .copyWithin = copyWithin,
      .fill = fill,
      .synchronize = synchronize,
      .follow = follow,
      .beginRecording = beginRecording,
      .endRecording = endRecording,
      .replay = replay,
      .releaseRecording = releaseRecording,
  };
  return &kLibrary;
}
