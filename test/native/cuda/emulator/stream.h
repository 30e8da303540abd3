// Streams, events and graphs: what is to be done, and in which order it may be.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "runtime_types.h"

namespace sluice::emulator {

using Operation = std::function<void()>;

// Operations one after the other. They run when somebody waits for them, or in immediate mode at
// once; what a program reads without having waited is then NaN, or old.
class Queue {
 public:
  void add(Operation operation);
  uint64_t size() const { return begun_ + waiting_.size(); }  // of all that were ever added
  bool done(uint64_t position) const { return done_ >= position; }
  void runUntil(uint64_t position);
  void runAll() { runUntil(size()); }
  void runNext() { runUntil(begun_ + 1); }

 private:
  std::deque<Operation> waiting_;
  uint64_t begun_ = 0;
  uint64_t done_ = 0;
};

struct Node {
  Operation operation;
  std::vector<int> after;  // earlier nodes that must have run
};
using Nodes = std::vector<Node>;

// Runs the nodes in the order that settings.h says, as far as what they come after leaves it open.
void runNodes(const Nodes& nodes);

struct Capture {
  cudaStream_t origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  Nodes nodes;
  bool invalid = false;
};

}  // namespace sluice::emulator

struct CUstream_st {
  int device = 0;
  bool blocking = true;  // waits for the default stream, and that one for it
  std::shared_ptr<sluice::emulator::Queue> queue = std::make_shared<sluice::emulator::Queue>();
  std::shared_ptr<sluice::emulator::Capture> capture;  // null: not capturing
  std::vector<int> tail;                               // nodes that the next one comes after
};

struct CUevent_st {
  unsigned flags = 0;
  int device = 0;
  // What it was recorded behind: operations of a queue, or nodes of a capture.
  std::shared_ptr<sluice::emulator::Queue> queue;
  uint64_t position = 0;
  std::shared_ptr<sluice::emulator::Capture> capture;
  std::vector<int> nodes;
  // When it was reached; shared with the operation that notes it.
  std::shared_ptr<std::chrono::steady_clock::time_point> time;
};

struct CUgraph_st {
  sluice::emulator::Nodes nodes;
};

struct CUgraphExec_st {
  std::shared_ptr<const sluice::emulator::Nodes> nodes;
};

namespace sluice::emulator {

// The stream itself, or the default one of the current device; null: there is no such stream.
cudaStream_t findStream(cudaStream_t stream);
bool isDefaultStream(const CUstream_st* stream);

// Where a call may go on that is not allowed while streams capture: success, or an error that also
// makes those captures invalid.
cudaError_t checkNotCapturing();

// Puts an operation into a stream, or into the graph that it captures.
cudaError_t enqueue(cudaStream_t stream, Operation operation);
// The same, and waits for it; in a capture an error.
cudaError_t enqueueAndWait(cudaStream_t stream, Operation operation);

// Runs all that was ever put into streams of the device.
void drainDevice(int device);

// Streams that take part in a capture no longer do.
void leaveCapture(const Capture& capture);

}  // namespace sluice::emulator
