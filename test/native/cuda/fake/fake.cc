// A backend in a library of its own that needs no device: its devices' memory is the host's, and it
// has no kernels. What is wrong with it, SLUICE_FAULT says: each is compiled into a file of its
// own.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/backend/abi.h"

namespace sluice {
namespace {

enum Fault {
  None,
  Abi,            // of another interface
  Version,        // of another release
  NoVersion,      // tells none
  Symbol,         // no backend at all
  Table,          // gives no table
  Driver,         // there is no driver
  Silent,         // there is no device, and no reason
  LongReason,     // a reason that fills all of the space for it
  Describe,       // of two devices the second does not tell what it is
  NoneDescribed,  // none of two does
  Start,          // of two devices the first cannot be used
  Memory,         // there is no memory left
  HostMemory,     // nor of the host's
  QueueOpening,   // a queue cannot be opened
  QueueFailing,   // work in it fails
};
constexpr Fault kFault = SLUICE_FAULT;
constexpr int32_t kBroken = 77;

int32_t probe(char* reason, size_t bytes) noexcept {
  if (kFault == Driver) {
    std::snprintf(reason, bytes, "there is no driver");
    return 0;
  }
  if (kFault == LongReason) {
    std::memset(reason, 'x', bytes);
    std::memcpy(reason, "long: ", 6);
    reason[bytes - 1] = '\0';
    return 0;
  }
  return kFault == Silent ? 0 : 2;
}

int32_t describe(int32_t device, DeviceDescription* description) noexcept {
  if ((kFault == Describe && device == 1) || kFault == NoneDescribed) return kBroken;
  std::snprintf(description->name, sizeof description->name, "Fake GPU %d", device);
  std::snprintf(description->description, sizeof description->description, "memory of the host");
  std::snprintf(description->target, sizeof description->target, "fake");
  return 0;
}

int32_t obtain(size_t bytes, void** memory, bool fails) noexcept {
  if (fails) return kOutOfMemory;
  *memory = std::malloc(bytes);
  return *memory != nullptr ? 0 : kOutOfMemory;
}
int32_t release(int32_t, void* memory) noexcept {
  std::free(memory);
  return 0;
}

constexpr int32_t kWork = kFault == QueueFailing ? kBroken : 0;
int32_t work(void*) noexcept { return kWork; }
int32_t workOfTwo(void*, void*) noexcept { return kWork; }
int32_t copy(void*, void* to, const void* from, size_t bytes) noexcept {
  std::memmove(to, from, bytes);
  return kWork;
}
int32_t close(void*) noexcept { return 0; }
char queueOfAll;

constexpr const char* version() {
  if (kFault == NoVersion) return nullptr;
  return kFault == Version ? "99.0.0" : SLUICE_VERSION;
}

}  // namespace
}  // namespace sluice

#define EXPORTED extern "C" __attribute__((visibility("default")))

// Another name in one of the files.
EXPORTED const sluice::BackendLibrary* SLUICE_FAKE_SYMBOL() {
  using namespace sluice;
  static const BackendLibrary kLibrary{
      .abi = kFault == Abi ? kBackendAbi + 1 : kBackendAbi,
      .version = version(),
      .name = "cuda",
      .probe = probe,
      .describe = describe,
      .start = [](int32_t device) noexcept { return kFault == Start && device == 0 ? kBroken : 0; },
      .kernel = [](int32_t, const char*) noexcept -> const Kernel* { return nullptr; },
      .whyNotPrecision = [](int32_t, Precision) noexcept -> const char* { return nullptr; },
      .statusText =
          [](int32_t status, char* text, size_t bytes) noexcept {
            std::snprintf(text, bytes, status == kBroken ? "it is broken" : "status %d", status);
          },
      .allocate = [](int32_t, size_t bytes,
                     void** memory) noexcept { return obtain(bytes, memory, kFault == Memory); },
      .release = release,
      .allocateHost =
          [](int32_t, size_t bytes, void** memory) noexcept {
            return obtain(bytes, memory, kFault == HostMemory);
          },
      .releaseHost = release,
      .memoryInfo =
          [](int32_t, size_t* free, size_t* total) noexcept {
            *free = 1000;
            *total = 4000;
            return 0;
          },
      .openQueue =
          [](int32_t, void** queue) noexcept {
            if (kFault == QueueOpening) return kBroken;
            *queue = &queueOfAll;
            return 0;
          },
      .closeQueue = close,
      .copyIn = copy,
      .copyOut = copy,
      .copyWithin = copy,
      .fill =
          [](void*, void* device, int32_t byte, size_t bytes) noexcept {
            std::memset(device, byte, bytes);
            return kWork;
          },
      .synchronize = work,
      .follow = workOfTwo,
      .beginRecording = work,
      // It cannot keep anything: what is replayed by nobody.
      .endRecording =
          [](void*, void** recording) noexcept {
            *recording = nullptr;
            return 0;
          },
      .replay = workOfTwo,
      .releaseRecording = close,
  };
  return kFault == Table ? nullptr : &kLibrary;
}
