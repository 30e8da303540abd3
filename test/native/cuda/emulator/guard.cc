#include "guard.h"

#include <cstdlib>
#include <cstring>

#include "block.h"
#include "sanitizers.h"

namespace sluice::emulator {
namespace {

#if SLUICE_ASAN
constexpr size_t kGuardBytes = 0;
#else
constexpr size_t kGuardBytes = 256;
#endif
constexpr unsigned char kGuard = 0xa5;

}  // namespace

void* allocateGuarded(size_t alignment, size_t bytes) {
  void* pointer = nullptr;
  if (posix_memalign(&pointer, alignment, bytes + kGuardBytes) != 0) return nullptr;
  std::memset(pointer, kPoison, bytes);
  std::memset(static_cast<unsigned char*>(pointer) + bytes, kGuard, kGuardBytes);
  return pointer;
}

void checkGuard(const void* pointer, size_t bytes) {
  const auto* guard = static_cast<const unsigned char*>(pointer) + bytes;
  for (size_t i = 0; i < kGuardBytes; ++i) {
    if (guard[i] == kGuard) continue;
    fault("byte %zu behind memory of %zu bytes has been written", i, bytes);
  }
}

}  // namespace sluice::emulator
