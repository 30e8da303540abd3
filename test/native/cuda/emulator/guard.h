// Memory with bytes behind it that tell whether somebody wrote beyond. With AddressSanitizer there
// are none: it sees reads as well, at once, and to the byte.
#pragma once

#include <cstddef>

namespace sluice::emulator {

constexpr int kPoison = 0xff;  // what is not written yet: a NaN of any width

void* allocateGuarded(size_t alignment,
                      size_t bytes);  // poisoned; null: no memory; free() frees it
void checkGuard(const void* pointer, size_t bytes);

}  // namespace sluice::emulator
