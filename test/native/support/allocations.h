// Counts allocations of the whole process: of every thread, and of libraries too.
#pragma once

#include <cstddef>

namespace sluice::test {

struct Allocations {
  size_t count = 0;
  size_t bytes = 0;
};

// False where the allocator belongs to somebody else: under sanitizers, with another libc.
bool canCountAllocations();
// Since the process started.
Allocations allocationsSoFar();

// Of body().
template <typename F>
Allocations allocationsOf(F&& body) {
  const Allocations before = allocationsSoFar();
  body();
  const Allocations after = allocationsSoFar();
  return {after.count - before.count, after.bytes - before.bytes};
}

}  // namespace sluice::test
