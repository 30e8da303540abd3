// Events, and captures that reach other streams through them.
#include <algorithm>
#include <map>
#include <memory>

#include "api.h"
#include "runtime_api.h"
#include "stream.h"

namespace sluice::emulator {
namespace {

// What was created and not destroyed, never destroyed itself: threads may outlive static objects.
auto& events() {
  static auto* all = new std::map<cudaEvent_t, std::unique_ptr<CUevent_st>>;
  return *all;
}

CUevent_st* findEvent(cudaEvent_t event) { return events().contains(event) ? event : nullptr; }

// `body` with the event, where it can be asked whether it was reached.
template <typename F>
cudaError_t withEvent(cudaEvent_t event, F&& body) {
  return api([&] {
    CUevent_st* found = findEvent(event);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (found->capture != nullptr) return cudaErrorCapturedEvent;
    const cudaError_t error = checkNotCapturing();
    if (error != cudaSuccess) return error;
    return found->queue == nullptr ? cudaSuccess : body(*found);
  });
}

cudaError_t recordEvent(CUevent_st& event, CUstream_st& stream) {
  event.capture = stream.capture;
  event.queue = nullptr;
  if (stream.capture != nullptr) {
    if (stream.capture->invalid) return cudaErrorStreamCaptureInvalidated;
    event.nodes = stream.tail;
    return cudaSuccess;
  }
  event.time = std::make_shared<std::chrono::steady_clock::time_point>();
  const cudaError_t error =
      enqueue(&stream, [time = event.time] { *time = std::chrono::steady_clock::now(); });
  if (error != cudaSuccess) return error;
  event.queue = stream.queue;
  event.position = stream.queue->size();
  return cudaSuccess;
}

// A stream that waits for an event of a capture takes part in it from there on.
cudaError_t joinCapture(CUstream_st& stream, const CUevent_st& event) {
  if (event.capture->invalid) return cudaErrorStreamCaptureInvalidated;
  if (isDefaultStream(&stream)) {
    event.capture->invalid = true;
    return cudaErrorStreamCaptureImplicit;
  }
  if (stream.capture != nullptr && stream.capture != event.capture) {
    stream.capture->invalid = event.capture->invalid = true;
    return cudaErrorStreamCaptureMerge;
  }
  stream.capture = event.capture;
  for (const int node : event.nodes) {
    if (std::find(stream.tail.begin(), stream.tail.end(), node) == stream.tail.end()) {
      stream.tail.push_back(node);
    }
  }
  return cudaSuccess;
}

cudaError_t waitForEvent(CUstream_st& stream, const CUevent_st& event) {
  // An event of a capture that has ended says nothing any more.
  if (event.capture != nullptr && event.capture->origin == nullptr) return cudaErrorInvalidValue;
  if (event.capture != nullptr) return joinCapture(stream, event);
  if (stream.capture != nullptr) {
    stream.capture->invalid = true;
    return cudaErrorStreamCaptureIsolation;
  }
  if (event.queue == nullptr) return cudaSuccess;  // never recorded
  return enqueue(&stream,
                 [queue = event.queue, position = event.position] { queue->runUntil(position); });
}

}  // namespace
}  // namespace sluice::emulator

using namespace sluice::emulator;

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api([&] {
    if (event == nullptr || flags > (cudaEventBlockingSync | cudaEventDisableTiming)) {
      return cudaErrorInvalidValue;
    }
    auto created = std::make_unique<CUevent_st>();
    created->flags = flags;
    created->device = currentDevice();
    *event = created.get();
    events().emplace(*event, std::move(created));
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api(
      [&] { return events().erase(event) == 1 ? cudaSuccess : cudaErrorInvalidResourceHandle; });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return api([&] {
    const cudaStream_t found = findStream(stream);
    CUevent_st* recorded = findEvent(event);
    if (found == nullptr || recorded == nullptr || recorded->device != found->device) {
      return cudaErrorInvalidResourceHandle;
    }
    return recordEvent(*recorded, *found);
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return withEvent(event, [](CUevent_st& found) {
    found.queue->runUntil(found.position);
    return cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return withEvent(event, [](CUevent_st& found) {
    if (found.queue->done(found.position)) return cudaSuccess;
    found.queue->runNext();
    return cudaErrorNotReady;
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return api([&] {
    if (milliseconds == nullptr) return cudaErrorInvalidValue;
    for (const cudaEvent_t event : {start, end}) {
      const CUevent_st* found = findEvent(event);
      if (found == nullptr || found->queue == nullptr) return cudaErrorInvalidResourceHandle;
      if ((found->flags & cudaEventDisableTiming) != 0) return cudaErrorInvalidResourceHandle;
      if (!found->queue->done(found->position)) return cudaErrorNotReady;
    }
    *milliseconds = std::chrono::duration<float, std::milli>(*end->time - *start->time).count();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return api([&] {
    const cudaStream_t found = findStream(stream);
    const CUevent_st* awaited = findEvent(event);
    if (found == nullptr || awaited == nullptr) return cudaErrorInvalidResourceHandle;
    return waitForEvent(*found, *awaited);
  });
}
