#include "stream.h"

#include <queue>

#include "api.h"
#include "settings.h"

namespace sluice::emulator {

void Queue::add(Operation operation) {
  waiting_.push_back(std::move(operation));
  if (!lateStreams()) runAll();
}

void Queue::runUntil(uint64_t position) {
  while (begun_ < position && !waiting_.empty()) {
    const Operation operation = std::move(waiting_.front());
    waiting_.pop_front();
    ++begun_;
    operation();  // which may wait for another queue
    ++done_;
  }
}

void runNodes(const Nodes& nodes) {
  const int count = static_cast<int>(nodes.size());
  const std::vector<int> rank = Sequence(count).next();  // of a node among those that are ready
  std::vector<int> missing(nodes.size(), 0);
  std::vector<std::vector<int>> followers(nodes.size());
  using Ready = std::pair<int, int>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready;
  for (int i = 0; i < count; ++i) {
    const auto& after = nodes[static_cast<size_t>(i)].after;
    missing[static_cast<size_t>(i)] = static_cast<int>(after.size());
    for (const int before : after) followers[static_cast<size_t>(before)].push_back(i);
    if (after.empty()) ready.emplace(rank[static_cast<size_t>(i)], i);
  }
  while (!ready.empty()) {
    const auto node = static_cast<size_t>(ready.top().second);
    ready.pop();
    nodes[node].operation();
    for (const int follower : followers[node]) {
      const auto i = static_cast<size_t>(follower);
      if (--missing[i] == 0) ready.emplace(rank[i], follower);
    }
  }
}

cudaError_t enqueueAndWait(cudaStream_t stream, Operation operation) {
  if (stream->capture != nullptr) {
    stream->capture->invalid = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  const cudaError_t error = enqueue(stream, std::move(operation));
  if (error == cudaSuccess) stream->queue->runAll();
  return error;
}

}  // namespace sluice::emulator
