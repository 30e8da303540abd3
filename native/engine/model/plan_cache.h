// A model's compiled plans, their bindings to shapes, and the memory that runs use. Bounded: the
// least recently used go first.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/model/lane.h"
#include "engine/plan/frame.h"

namespace sluice {

class PlanCache {
 public:
  // Losses come with a graph of their own.
  std::shared_ptr<const BoundPlan> bound(const Graph& graph, const PlanRequest& request,
                                         const std::vector<OutputObjective>& objectives,
                                         const Extents& extents, const Backend& device, int threads,
                                         bool strict, Precision precision);

  // A buffer of at least this size, to be given back. OUT_OF_MEMORY before it is allocated.
  Buffer takeArena(size_t bytes);
  void returnArena(Buffer arena);
  // The same on a device.
  std::unique_ptr<Lane> takeLane(const Device& device);
  void returnLane(std::unique_ptr<Lane> lane);
  // Gives back what idle lanes hold.
  void dropLanes();
  size_t residentBytes() const;
  // Changes something that compiled plans depend on (trainable flags, losses) and forgets them.
  void change(const std::function<void()>& body);

 private:
  struct Entry {
    PlanRequest request;
    std::shared_ptr<const Plan> plan;
    std::list<std::shared_ptr<const BoundPlan>> bindings;
  };
  mutable std::mutex mutex_;
  std::list<Entry> entries_;
  std::vector<Buffer> arenas_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  int64_t changes_ = 0;
};

// An arena for the length of a run.
class ArenaLease {
 public:
  ArenaLease(PlanCache& cache, size_t bytes) : cache_(cache), buffer_(cache.takeArena(bytes)) {}
  ~ArenaLease() { cache_.returnArena(std::move(buffer_)); }
  ArenaLease(const ArenaLease&) = delete;
  ArenaLease& operator=(const ArenaLease&) = delete;
  void* data() const { return const_cast<void*>(buffer_.data()); }

 private:
  PlanCache& cache_;
  Buffer buffer_;
};

}  // namespace sluice
