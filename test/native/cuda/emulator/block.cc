#include "block.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "allocations.h"
#include "device.h"
#include "fiber.h"
#include "guard.h"
#include "settings.h"
#include "shared_memory.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace sluice::emulator {
namespace {

constexpr int kMostWarps = 32;

struct Copy {
  void* shared;
  const void* global;
  size_t bytes;
  bool valid;
  int group;
};

enum class State { Ready, Running, AtBlock, AtWarp, Ended };

struct Thread {
  Thread(void (*body)(void*)) : fiber(body, this) {}

  Fiber fiber;
  uint3 index{};
  State state = State::Ended;
  // What it waits for.
  const char* name = nullptr;
  uint32_t mask = 0;
  void* brought = nullptr;
  Combine combine = nullptr;
  // Copies to shared memory under way, and how many groups it has committed.
  std::vector<Copy> copies;
  int groups = 0;
  int number = 0;
};

// One block runs at a time, so there is one of everything.
const Grid* grid = nullptr;
Thread* current = nullptr;  // null: no thread is running
std::vector<std::unique_ptr<Thread>> threads;
int count = 0;    // threads of the block
int running = 0;  // those that have not ended
int arrived = 0;  // at a barrier of the block
// Of each warp, the lanes that have not ended, and those of them that wait for others of the warp.
uint32_t alive[kMostWarps];
uint32_t waiting[kMostWarps];
bool awaited = false;
SharedMemory* shared = nullptr;

void runThread(void*) { grid->kernel(); }

Thread& laneOf(int warp, int lane) { return *threads[static_cast<size_t>(warp * kWarp + lane)]; }
int lanesOf(int warp) { return count - warp * kWarp < kWarp ? count - warp * kWarp : kWarp; }

uint32_t bitOf(const Thread& thread) { return 1u << thread.number % kWarp; }
int warpOf(const Thread& thread) { return thread.number / kWarp; }

void goOn(Thread& thread) {
  thread.state = State::Ready;
  thread.name = nullptr;
}

void releaseBlock() {
  if (arrived == 0 || arrived < running) return;
  std::vector<void*> brought(static_cast<size_t>(count), nullptr);
  const Thread* first = nullptr;
  for (int i = 0; i < count; ++i) {
    const Thread& thread = *threads[static_cast<size_t>(i)];
    if (thread.state != State::AtBlock) continue;
    if (first == nullptr) first = &thread;
    if (std::strcmp(thread.name, first->name) != 0) {
      fault("threads of a block meet in different functions: %s and %s", first->name, thread.name);
    }
    brought[static_cast<size_t>(i)] = thread.brought;
  }
  if (first->combine != nullptr) first->combine({brought.data(), count});
  arrived = 0;
  for (int i = 0; i < count; ++i) {
    Thread& thread = *threads[static_cast<size_t>(i)];
    if (thread.state == State::AtBlock) goOn(thread);
  }
}

// Lets the lanes of a mask go on where all of them have come that have not ended.
void releaseWarp(int warp, uint32_t mask) {
  if ((mask & alive[warp] & ~waiting[warp]) != 0) return;
  void* brought[kWarp] = {};
  const Thread* first = nullptr;
  for (int i = 0; i < lanesOf(warp); ++i) {
    const Thread& thread = laneOf(warp, i);
    if ((mask & alive[warp] & bitOf(thread)) == 0) continue;
    if (thread.mask != mask) return;
    if (first == nullptr) first = &thread;
    if (std::strcmp(thread.name, first->name) != 0) {
      fault("lanes of a warp meet in different functions: %s and %s", first->name, thread.name);
    }
    brought[i] = thread.brought;
  }
  if (first == nullptr) return;
  if (first->combine != nullptr) first->combine({brought, kWarp});
  for (int i = 0; i < lanesOf(warp); ++i) {
    if (brought[i] != nullptr) goOn(laneOf(warp, i));
  }
  waiting[warp] &= ~mask;
}

void end(Thread& thread, int warp) {
  thread.state = State::Ended;
  alive[warp] &= ~bitOf(thread);
  thread.copies.clear();
  --running;
  releaseBlock();
  for (int i = 0; i < lanesOf(warp); ++i) {
    if (laneOf(warp, i).state == State::AtWarp) releaseWarp(warp, laneOf(warp, i).mask);
  }
}

// Runs a thread until it waits or ends.
void step(Thread& thread, int warp) {
  current = &thread;
  threadIdx = thread.index;
  thread.state = State::Running;
  thread.fiber.resume();
  if (thread.state == State::Running) end(thread, warp);  // it does not wait: its kernel returned
  current = nullptr;
}

// Runs a warp until all its lanes wait for other warps or have ended. False: nothing ran.
bool runWarp(int warp, Sequence& lanes) {
  bool any = false;
  for (bool again = true; again;) {
    again = false;
    for (const int i : lanes.next()) {
      if (i >= lanesOf(warp)) continue;
      Thread& thread = laneOf(warp, i);
      if (thread.state != State::Ready) continue;
      step(thread, warp);
      again = any = true;
    }
  }
  return any;
}

[[noreturn]] void reportDeadlock() {
  std::map<std::string, int> found;
  for (int i = 0; i < count; ++i) {
    const Thread& thread = *threads[static_cast<size_t>(i)];
    if (thread.state == State::Ended) continue;
    std::string where = thread.name;
    if (thread.state == State::AtWarp) {
      char mask[32];
      std::snprintf(mask, sizeof mask, " of lanes 0x%08x", thread.mask);
      where += mask;
    }
    ++found[where];
  }
  std::string list;
  for (const auto& [where, number] : found) {
    list += (list.empty() ? "" : ", ") + std::to_string(number) + " in " + where;
  }
  fault("threads wait for others that will never come: %s", list.c_str());
}

void startBlock(unsigned x, unsigned y, unsigned z) {
  blockIdx = {x, y, z};
  shared->beginBlock();
  std::fill_n(alive, kMostWarps, 0);
  std::fill_n(waiting, kMostWarps, 0);
  for (int i = 0; i < count; ++i) {
    Thread& thread = *threads[static_cast<size_t>(i)];
    const unsigned number = static_cast<unsigned>(i);
    thread.index = {number % blockDim.x, number / blockDim.x % blockDim.y,
                    number / (blockDim.x * blockDim.y)};
    thread.number = i;
    thread.groups = 0;
    alive[warpOf(thread)] |= bitOf(thread);
    goOn(thread);
  }
  running = count;
  arrived = 0;
  awaited = false;
}

void runBlock(unsigned x, unsigned y, unsigned z) {
  startBlock(x, y, z);
  Sequence warps((count + kWarp - 1) / kWarp);
  Sequence lanes(kWarp);
  while (running > 0) {
    bool any = false;
    for (const int warp : warps.next()) any |= runWarp(warp, lanes);
    if (!any) reportDeadlock();
  }
  shared->endBlock();
  if (grid->early && !awaited) fault("a kernel that may begin early does not await the one before");
}

void wait(State state, const char* name, uint32_t mask, void* brought, Combine combine) {
  Thread& self = *current;
  self.state = state;
  self.name = name;
  self.mask = mask;
  self.brought = brought == nullptr ? &self : brought;
  self.combine = combine;
  if (state == State::AtBlock) {
    ++arrived;
    releaseBlock();
  } else {
    waiting[warpOf(self)] |= bitOf(self);
    releaseWarp(warpOf(self), mask);
  }
  self.fiber.pause();
}

}  // namespace

void run(const Grid& launched) {
  grid = &launched;
  blockDim = launched.threads;
  gridDim = launched.blocks;
  count = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  while (static_cast<int>(threads.size()) < count) {
    threads.push_back(std::make_unique<Thread>(runThread));
  }
  SharedMemory memory(launched.sharedBytes);
  shared = &memory;
  restartRandomOrder();
  const unsigned perLayer = gridDim.x * gridDim.y;
  Sequence blocks(static_cast<int>(perLayer * gridDim.z));
  for (const int i : blocks.next()) {
    const auto number = static_cast<unsigned>(i);
    runBlock(number % gridDim.x, number / gridDim.x % gridDim.y, number / perLayer);
  }
  shared = nullptr;
  grid = nullptr;
}

void fault(const char* format, ...) {
  std::fprintf(stderr, "CUDA emulator: ");
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  if (grid != nullptr) {
    std::fprintf(stderr, " (block %u, %u, %u", blockIdx.x, blockIdx.y, blockIdx.z);
    if (current != nullptr) {
      const uint3& index = current->index;
      std::fprintf(stderr, ", thread %u, %u, %u", index.x, index.y, index.z);
    }
    std::fprintf(stderr, ")");
  }
  std::fprintf(stderr, "\n");
  std::abort();
}

void meetBlock(const char* name, void* brought, Combine combine) {
  wait(State::AtBlock, name, 0, brought, combine);
}

void meetWarp(const char* name, uint32_t mask, void* brought, Combine combine) {
  if ((mask >> lane() & 1) == 0) fault("%s: the calling lane is not in mask 0x%08x", name, mask);
  wait(State::AtWarp, name, mask, brought, combine);
}

int lane() { return current->number % kWarp; }

void* dynamicSharedMemory() { return shared->dynamic(); }

void awaitPrimary() { awaited = true; }

void requireShared(const void* pointer, size_t bytes) {
  if (placeOf(pointer) != Place::Pageable) fault("%p is not shared memory", pointer);
  if (reinterpret_cast<uintptr_t>(pointer) % bytes != 0) {
    fault("%p, of %zu bytes of shared memory, is misaligned", pointer, bytes);
  }
}

void copyLater(void* shared, const void* global, size_t bytes, bool valid) {
  requireShared(shared, bytes);
  if (valid && reinterpret_cast<uintptr_t>(global) % bytes != 0) {
    fault("%p, of %zu bytes to copy, is misaligned", global, bytes);
  }
  if (valid && !isDeviceMemory(global, bytes)) fault("%p is not memory of a device", global);
  std::memset(shared, kPoison, bytes);
  current->copies.push_back({shared, global, bytes, valid, current->groups});
}

void commitCopies() { ++current->groups; }

void waitCopies(int newest) {
  std::vector<Copy> later;
  for (const Copy& copy : current->copies) {
    if (copy.group >= current->groups - newest) {
      later.push_back(copy);
    } else if (copy.valid) {
      std::memcpy(copy.shared, copy.global, copy.bytes);
    } else {
      std::memset(copy.shared, 0, copy.bytes);
    }
  }
  current->copies = std::move(later);
}

}  // namespace sluice::emulator
