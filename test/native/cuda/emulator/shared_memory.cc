#include "shared_memory.h"

#include <cstdlib>
#include <cstring>

#include "block.h"
#include "guard.h"

// What __shared__ declares in functions that are not templates; null where there is none.
extern "C" char __start_sluice_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_sluice_shared[] __attribute__((weak, visibility("hidden")));

namespace sluice::emulator {
namespace {

constexpr size_t kAlignment = 128;

}  // namespace

SharedMemory::SharedMemory(size_t dynamicBytes)
    : dynamic_(allocateGuarded(kAlignment, dynamicBytes)), bytes_(dynamicBytes) {
  if (dynamic_ == nullptr) fault("no memory for the shared memory of a block");
}

SharedMemory::~SharedMemory() { std::free(dynamic_); }

void SharedMemory::beginBlock() {
  std::memset(dynamic_, kPoison, bytes_);
  if (__start_sluice_shared == nullptr) return;
  std::memset(__start_sluice_shared, kPoison,
              static_cast<size_t>(__stop_sluice_shared - __start_sluice_shared));
}

void SharedMemory::endBlock() { checkGuard(dynamic_, bytes_); }

}  // namespace sluice::emulator
