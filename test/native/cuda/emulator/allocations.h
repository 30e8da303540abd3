// Memory of the emulated devices: malloc's, but known, filled with NaN, and not the host's to
// touch.
#pragma once

#include <cstddef>

namespace sluice::emulator {

// Null: the device has not that much left.
void* allocateDevice(int device, size_t bytes);
void* allocatePinned(size_t bytes);
bool freeDevice(void* pointer);  // false: no allocation begins there
bool freePinned(void* pointer);

size_t usedBytes(int device);

enum class Place { Device, Pinned, Pageable };
Place placeOf(const void* pointer);
// All of it in one allocation of a device.
bool isDeviceMemory(const void* pointer, size_t bytes);
// None of it in an allocation of a device.
bool isHostMemory(const void* pointer, size_t bytes);

// While one exists, device memory can be touched: without, AddressSanitizer reports it. The last
// one checks that nothing was written behind an allocation.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
};

}  // namespace sluice::emulator
