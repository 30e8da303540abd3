// Graphs, which are made by capturing streams.
#include <memory>
#include <set>

#include "api.h"
#include "runtime_api.h"
#include "stream.h"

using namespace sluice::emulator;

namespace {

auto& graphs() {
  static auto* all = new std::set<cudaGraph_t>;
  return *all;
}
auto& executables() {
  static auto* all = new std::set<cudaGraphExec_t>;
  return *all;
}

// Whether every node comes before the end of the stream in which the capture began.
bool allJoined(const Nodes& nodes, const std::vector<int>& tail) {
  std::vector<bool> reached(nodes.size(), false);
  for (const int node : tail) reached[static_cast<size_t>(node)] = true;
  bool all = true;
  for (size_t i = nodes.size(); i-- > 0;) {
    if (!reached[i]) all = false;
    for (const int before : nodes[i].after) {
      if (reached[i]) reached[static_cast<size_t>(before)] = true;
    }
  }
  return all;
}

cudaError_t whyNotEnd(const Capture& capture, const CUstream_st& stream) {
  if (capture.invalid) return cudaErrorStreamCaptureInvalidated;
  if (capture.mode != cudaStreamCaptureModeRelaxed &&
      capture.thread != std::this_thread::get_id()) {
    return cudaErrorStreamCaptureWrongThread;
  }
  if (!allJoined(capture.nodes, stream.tail)) return cudaErrorStreamCaptureUnjoined;
  return cudaSuccess;
}

}  // namespace

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return api([&] {
    if (stream == nullptr) return cudaErrorStreamCaptureUnsupported;  // the default stream
    const cudaStream_t found = findStream(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (found->capture != nullptr) return cudaErrorIllegalState;
    found->capture = std::make_shared<Capture>();
    found->capture->origin = found;
    found->capture->mode = mode;
    found->capture->thread = std::this_thread::get_id();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return api([&] {
    const cudaStream_t found = findStream(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (graph == nullptr) return cudaErrorInvalidValue;
    *graph = nullptr;
    const std::shared_ptr<Capture> capture = found->capture;
    if (capture == nullptr) return cudaErrorIllegalState;
    if (capture->origin != found) {
      capture->invalid = true;
      return cudaErrorStreamCaptureUnmatched;
    }
    const cudaError_t error = whyNotEnd(*capture, *found);
    if (error == cudaErrorStreamCaptureWrongThread) return error;
    leaveCapture(*capture);
    capture->origin = nullptr;
    if (error != cudaSuccess) return error;
    *graph = new CUgraph_st{std::move(capture->nodes)};
    graphs().insert(*graph);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return api([&] {
    const cudaStream_t found = findStream(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    if (status == nullptr) return cudaErrorInvalidValue;
    if (found->capture == nullptr) {
      *status = cudaStreamCaptureStatusNone;
    } else {
      *status = found->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                        : cudaStreamCaptureStatusActive;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return api([&] {
    if (exec == nullptr || !graphs().contains(graph)) return cudaErrorInvalidValue;
    *exec = new CUgraphExec_st{std::make_shared<const Nodes>(graph->nodes)};
    executables().insert(*exec);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  return api([&] {
    const bool known = executables().contains(exec) && findStream(stream) != nullptr;
    return known ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return api([&] {
    if (!executables().contains(exec)) return cudaErrorInvalidValue;
    const cudaStream_t found = findStream(stream);
    if (found == nullptr) return cudaErrorInvalidResourceHandle;
    return enqueue(found, [nodes = exec->nodes] { runNodes(*nodes); });
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return api([&] {
    if (executables().erase(exec) == 0) return cudaErrorInvalidValue;
    delete exec;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api([&] {
    if (graphs().erase(graph) == 0) return cudaErrorInvalidValue;
    delete graph;
    return cudaSuccess;
  });
}
