#include "allocations.h"

#include <cstdint>
#include <cstdlib>
#include <map>

#include "guard.h"
#include "sanitizers.h"
#include "settings.h"

#if SLUICE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace sluice::emulator {
namespace {

constexpr size_t kAlignment = 256;

#if SLUICE_ASAN
void forbid(const void* pointer, size_t bytes) { ASAN_POISON_MEMORY_REGION(pointer, bytes); }
void allow(const void* pointer, size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(pointer, bytes); }
#else
void forbid(const void*, size_t) {}
void allow(const void*, size_t) {}
#endif

struct Allocation {
  size_t bytes;
  int device;  // -1: pinned memory of the host
};

using Allocations = std::map<uintptr_t, Allocation>;  // by address

Allocations& allocations() {
  static auto* all = new Allocations;  // never destroyed: other static objects may free later
  return *all;
}

int accesses = 0;  // how many DeviceAccess there are

uintptr_t addressOf(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
void* pointerTo(uintptr_t address) { return reinterpret_cast<void*>(address); }

void* allocate(int device, size_t bytes) {
  void* pointer = allocateGuarded(kAlignment, bytes);
  if (pointer == nullptr) return nullptr;
  allocations().emplace(addressOf(pointer), Allocation{bytes, device});
  if (device >= 0 && accesses == 0) forbid(pointer, bytes);
  return pointer;
}

bool release(void* pointer, bool pinned) {
  const auto found = allocations().find(addressOf(pointer));
  if (found == allocations().end() || (found->second.device < 0) != pinned) return false;
  checkGuard(pointer, found->second.bytes);
  allow(pointer, found->second.bytes);
  allocations().erase(found);
  std::free(pointer);
  return true;
}

// The allocation that begins at `pointer` or before it; end() where it ends before as well.
Allocations::const_iterator find(const void* pointer) {
  auto after = allocations().upper_bound(addressOf(pointer));
  if (after == allocations().begin()) return allocations().end();
  const auto it = std::prev(after);
  return addressOf(pointer) <= it->first + it->second.bytes ? it : allocations().end();
}

template <typename F>
void forEachOfDevices(F&& f) {
  for (const auto& [address, allocation] : allocations()) {
    if (allocation.device >= 0) f(address, allocation.bytes);
  }
}

}  // namespace

void* allocateDevice(int device, size_t bytes) {
  const size_t used = usedBytes(device);
  if (used > memoryBytes() || bytes > memoryBytes() - used) return nullptr;
  return allocate(device, bytes);
}

void* allocatePinned(size_t bytes) { return allocate(-1, bytes); }
bool freeDevice(void* pointer) { return release(pointer, false); }
bool freePinned(void* pointer) { return release(pointer, true); }

size_t usedBytes(int device) {
  size_t used = 0;
  for (const auto& [address, allocation] : allocations()) {
    if (allocation.device == device) used += allocation.bytes;
  }
  return used;
}

Place placeOf(const void* pointer) {
  const auto it = find(pointer);
  if (it == allocations().end()) return Place::Pageable;
  return it->second.device >= 0 ? Place::Device : Place::Pinned;
}

bool isDeviceMemory(const void* pointer, size_t bytes) {
  const auto it = find(pointer);
  if (it == allocations().end() || it->second.device < 0) return false;
  return bytes <= it->first + it->second.bytes - addressOf(pointer);
}

bool isHostMemory(const void* pointer, size_t bytes) {
  const uintptr_t begin = addressOf(pointer);
  bool clear = true;
  forEachOfDevices([&](uintptr_t address, size_t size) {
    if (begin < address + size && address < begin + bytes) clear = false;
  });
  return clear;
}

DeviceAccess::DeviceAccess() {
  if (accesses++ > 0) return;
  forEachOfDevices([](uintptr_t address, size_t bytes) { allow(pointerTo(address), bytes); });
}

DeviceAccess::~DeviceAccess() {
  if (--accesses > 0) return;
  forEachOfDevices([](uintptr_t address, size_t bytes) {
    checkGuard(pointerTo(address), bytes);
    forbid(pointerTo(address), bytes);
  });
}

}  // namespace sluice::emulator
