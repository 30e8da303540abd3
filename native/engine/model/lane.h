// What a run works with on a device that has memory of its own. Kept between runs, so that
// addresses stay and recorded work can be replayed. Of one run at a time.
#pragma once

#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "engine/backend/device.h"
#include "engine/core/buffer.h"
#include "engine/plan/bound.h"

namespace sluice {

class Lane {
 public:
  Lane(const Device& d, int64_t changeNumber) : device(d), change(changeNumber), queue(d) {}

  // Grows what is smaller; recordings with old addresses are forgotten.
  void reserve(size_t arenaBytes, size_t stagingBytes, size_t sumBytes) {
    if (arena.bytes() >= arenaBytes && staging.bytes() >= stagingBytes &&
        pinned.bytes() >= stagingBytes && sums.bytes() >= sumBytes)
      return;
    recorded.clear();
    grow(arena, arenaBytes, "the scratch memory of this run", &device);
    grow(staging, stagingBytes, "the inputs of this run", &device);
    grow(pinned, stagingBytes, "the inputs of this run", &device.host());
    grow(sums, sumBytes, "the losses of this run", &device.host());
  }

  // Memory of the host for what a run brings back; it counts until the next call.
  void* results(size_t bytes) {
    grow(back, bytes, "the results of this run", &device.host());
    return back.data();
  }

  // Something that was done with these addresses.
  struct Recorded {
    std::vector<const void*> key;
    std::shared_ptr<const BoundPlan> plan;  // whose address may be in the key
    int failures = 0;                       // to record it
    std::unique_ptr<Recording> recording;   // from the second time on
  };

  const Device& device;
  const int64_t change;  // PlanCache's, after which it was made
  Queue queue;
  Buffer arena, staging, pinned, sums, back;
  Buffer mirror;                 // of the arena, on the host, for ops that run there
  std::list<Recorded> recorded;  // the last used first

 private:
  // The old memory goes first: there may not be enough for both.
  static void grow(Buffer& buffer, size_t bytes, const char* what, const MemorySpace* space) {
    if (buffer.bytes() >= bytes) return;
    buffer = Buffer();
    buffer = Buffer(bytes, what, space);
  }
};

}  // namespace sluice
