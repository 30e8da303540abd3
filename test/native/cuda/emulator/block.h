// Runs grids: a block at a time, its threads as fibers that meet at barriers and in warps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "vectors.h"

namespace sluice::emulator {

struct Grid {
  dim3 blocks;
  dim3 threads;
  size_t sharedBytes = 0;  // dynamic
  // Launched so that it may begin before the kernel in front has ended: it must await that one.
  bool early = false;
  std::function<void()> kernel;
};

void run(const Grid& grid);

// Says what a kernel (or who launches it) did wrong, and where, and ends the process.
[[noreturn]] void fault(const char* format, ...) __attribute__((format(printf, 1, 2)));

// --- called by the threads of a block -----------------------------------------------------------

constexpr int kWarp = 32;
constexpr uint32_t kAllLanes = 0xffffffffu;

// What threads brought that have met: by thread of the block, or by lane of the warp. Null: who has
// ended, is not in the mask, or does not exist.
struct Meeting {
  void* const* brought;
  int count;
};
// Called once, by whichever thread came last, before any goes on.
using Combine = void (*)(const Meeting&);

// The thread waits for all others of the block, or of the mask, that have not ended. `name` tells
// functions apart: threads that meet must have called the same.
void meetBlock(const char* name, void* brought, Combine combine);
void meetWarp(const char* name, uint32_t mask, void* brought, Combine combine);

int lane();
void* dynamicSharedMemory();
// As far as that can be told: it is no other memory that is known, and on a boundary of `bytes`.
void requireShared(const void* pointer, size_t bytes);
void awaitPrimary();

// Copies to shared memory: made by waitCopies, not before, so that who does not wait is found out.
void copyLater(void* shared, const void* global, size_t bytes, bool valid);
void commitCopies();
void waitCopies(int newest);

}  // namespace sluice::emulator
