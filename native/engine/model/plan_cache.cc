#include "engine/model/plan_cache.h"

#include <algorithm>

#include "engine/core/memory.h"

namespace sluice {
namespace {

constexpr size_t kMaxPlans = 16;
constexpr size_t kMaxBindings = 16;
constexpr size_t kMaxIdleArenas = 2;

}  // namespace

std::shared_ptr<const BoundPlan> PlanCache::bound(const Graph& graph, const PlanRequest& request,
                                                  const std::vector<OutputObjective>& objectives,
                                                  const Extents& given, const Backend& device,
                                                  int threads, bool strict, Precision precision) {
  Extents extents = given;
  extents.symbols.resize(static_cast<size_t>(graph.symbols), -1);
  graph.completeSymbols(extents.symbols);
  const std::lock_guard lock(mutex_);
  auto entry = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& e) { return e.request == request; });
  if (entry == entries_.end()) {
    entries_.push_front(
        {request, std::make_shared<Plan>(compilePlan(graph, request, objectives)), {}});
    if (entries_.size() > kMaxPlans) entries_.pop_back();
  } else {
    entries_.splice(entries_.begin(), entries_, entry);
  }
  auto& bindings = entries_.front().bindings;
  const auto found = std::find_if(bindings.begin(), bindings.end(), [&](const auto& b) {
    return b->extents() == extents && &b->device() == &device && b->threads() == threads &&
           b->strict() == strict && b->precision() == precision;
  });
  if (found != bindings.end()) {
    bindings.splice(bindings.begin(), bindings, found);
  } else {
    bindings.push_front(std::make_shared<BoundPlan>(entries_.front().plan, extents, device, threads,
                                                    strict, precision));
    if (bindings.size() > kMaxBindings) bindings.pop_back();
  }
  return bindings.front();
}

Buffer PlanCache::takeArena(size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (!arenas_.empty()) {
      Buffer arena = std::move(arenas_.back());
      arenas_.pop_back();
      if (arena.bytes() >= bytes) return arena;
    }
  }
  return Buffer(bytes, "the scratch memory of this run");
}

void PlanCache::returnArena(Buffer arena) {
  const std::lock_guard lock(mutex_);
  arenas_.push_back(std::move(arena));
  // The largest comes out first; few are kept.
  std::sort(arenas_.begin(), arenas_.end(),
            [](const Buffer& a, const Buffer& b) { return a.bytes() < b.bytes(); });
  if (arenas_.size() > kMaxIdleArenas) arenas_.erase(arenas_.begin());
}

// Lanes are opened and closed outside of the lock: both may wait for the device.
std::unique_ptr<Lane> PlanCache::takeLane(const Device& device) {
  std::unique_lock lock(mutex_);
  // The largest, so that a small run beside a large one does not make two large ones in the end.
  auto best = lanes_.end();
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane)
    if (&(*lane)->device == &device &&
        (best == lanes_.end() || (*lane)->arena.bytes() > (*best)->arena.bytes()))
      best = lane;
  if (best == lanes_.end()) {
    const int64_t change = changes_;
    lock.unlock();
    return std::make_unique<Lane>(device, change);
  }
  std::unique_ptr<Lane> taken = std::move(*best);
  lanes_.erase(best);
  return taken;
}

void PlanCache::returnLane(std::unique_ptr<Lane> lane) {
  const std::lock_guard lock(mutex_);
  // What it has recorded may belong to an optimizer that is gone.
  if (lane->change == changes_ && lanes_.size() < kMaxIdleArenas) lanes_.push_back(std::move(lane));
}

void PlanCache::dropLanes() {
  std::vector<std::unique_ptr<Lane>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(lanes_);
}

size_t PlanCache::residentBytes() const {
  const std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (const Buffer& arena : arenas_) bytes += arena.bytes();
  // Of devices too: who collects garbage is to see that there is some.
  for (const auto& lane : lanes_)
    for (const Buffer* buffer :
         {&lane->arena, &lane->staging, &lane->pinned, &lane->sums, &lane->back, &lane->mirror})
      bytes += buffer->bytes();
  return bytes;
}

void PlanCache::change(const std::function<void()>& body) {
  std::vector<std::unique_ptr<Lane>> dropped;
  const std::lock_guard lock(mutex_);
  body();
  entries_.clear();
  dropped.swap(lanes_);
  ++changes_;
}

}  // namespace sluice
