// Streams.
#include <map>
#include <memory>

#include "api.h"
#include "runtime_api.h"
#include "settings.h"
#include "stream.h"

namespace sluice::emulator {
namespace {

// What was created and not destroyed, never destroyed itself: threads may outlive static objects.
auto& streams() {
  static auto* all = new std::map<cudaStream_t, std::unique_ptr<CUstream_st>>;
  return *all;
}
auto& defaultStreams() {
  static auto* all = new std::map<int, CUstream_st>;  // by device
  return *all;
}

CUstream_st& defaultStream(int device) {
  CUstream_st& stream = defaultStreams()[device];
  stream.device = device;
  return stream;
}

template <typename F>
void forBlockingStreams(int device, F&& f) {
  for (auto& [handle, stream] : streams()) {
    if (stream->device == device && stream->blocking) f(*stream);
  }
}

// The default stream is in order with all blocking ones, which a capture cannot be part of.
cudaError_t orderWithDefault(CUstream_st& stream) {
  if (!isDefaultStream(&stream)) {
    if (stream.blocking) defaultStream(stream.device).queue->runAll();
    return cudaSuccess;
  }
  cudaError_t error = cudaSuccess;
  forBlockingStreams(stream.device, [&](CUstream_st& other) {
    if (other.capture != nullptr) {
      other.capture->invalid = true;
      error = cudaErrorStreamCaptureImplicit;
    }
  });
  if (error == cudaSuccess) {
    forBlockingStreams(stream.device, [](CUstream_st& other) { other.queue->runAll(); });
  }
  return error;
}

}  // namespace

// Compares addresses: what is behind a handle is not known to exist.
bool isDefaultStream(const CUstream_st* stream) {
  for (const auto& [device, other] : defaultStreams()) {
    if (&other == stream) return true;
  }
  return false;
}

cudaStream_t findStream(cudaStream_t stream) {
  if (stream == nullptr) return &defaultStream(currentDevice());
  if (isDefaultStream(stream)) return stream;
  return streams().contains(stream) ? stream : nullptr;
}

cudaError_t checkNotCapturing() {
  cudaError_t error = cudaSuccess;
  for (auto& [handle, stream] : streams()) {
    if (stream->capture == nullptr) continue;
    Capture& capture = *stream->capture;
    const bool concerned = capture.mode == cudaStreamCaptureModeGlobal ||
                           (capture.mode == cudaStreamCaptureModeThreadLocal &&
                            capture.thread == std::this_thread::get_id());
    if (!concerned) continue;
    capture.invalid = true;
    error = cudaErrorStreamCaptureUnsupported;
  }
  return error;
}

cudaError_t enqueue(cudaStream_t stream, Operation operation) {
  if (stream->capture != nullptr) {
    Capture& capture = *stream->capture;
    if (capture.invalid) return cudaErrorStreamCaptureInvalidated;
    capture.nodes.push_back({std::move(operation), stream->tail});
    stream->tail = {static_cast<int>(capture.nodes.size()) - 1};
    return cudaSuccess;
  }
  const cudaError_t error = orderWithDefault(*stream);
  if (error == cudaSuccess) stream->queue->add(std::move(operation));
  return error;
}

void drainDevice(int device) {
  defaultStream(device).queue->runAll();
  for (auto& [handle, stream] : streams()) {
    if (stream->device == device) stream->queue->runAll();
  }
}

void leaveCapture(const Capture& capture) {
  for (auto& [handle, stream] : streams()) {
    if (stream->capture.get() != &capture) continue;
    stream->tail.clear();
    stream->capture = nullptr;
  }
}

namespace {

// `body` with the stream, where there is one and it is not capturing.
template <typename F>
cudaError_t withQueue(cudaStream_t stream, F&& body) {
  return api([&] {
    const cudaStream_t found = findStream(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (found->capture != nullptr) {
      found->capture->invalid = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    const cudaError_t error = orderWithDefault(*found);
    return error == cudaSuccess ? body(*found->queue) : error;
  });
}

}  // namespace
}  // namespace sluice::emulator

using namespace sluice::emulator;

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return api([&] {
    if (stream == nullptr || flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    auto created = std::make_unique<CUstream_st>();
    created->device = currentDevice();
    created->blocking = flags == cudaStreamDefault;
    *stream = created.get();
    streams().emplace(*stream, std::move(created));
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return api([&] {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api([&] {
    if (!streams().contains(stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) stream->capture->invalid = true;
    stream->queue->runAll();
    streams().erase(stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return withQueue(stream, [](Queue& queue) {
    queue.runAll();
    return cudaSuccess;
  });
}

// Asking makes one step, so that who asks until it is done comes to an end.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return withQueue(stream, [](Queue& queue) {
    if (queue.done(queue.size())) return cudaSuccess;
    queue.runNext();
    return cudaErrorNotReady;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return api([] {
    const cudaError_t error = checkNotCapturing();
    if (error == cudaSuccess) drainDevice(currentDevice());
    return error;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  return api([&] {
    const cudaStream_t found = findStream(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (function == nullptr) return cudaErrorInvalidValue;
    return enqueue(found, [=] { function(argument); });
  });
}
