// How much memory there is, asked before a large allocation: Linux grants what it does not have and
// kills the process later.
#pragma once

#include <cstddef>
#include <string>

namespace sluice {

// The least of what the machine and every cgroup of this process leave, in bytes.
size_t availableMemory();
// Throws OUT_OF_MEMORY with both numbers if `needed` bytes are not there.
void requireMemory(size_t needed, const std::string& what);

}  // namespace sluice
