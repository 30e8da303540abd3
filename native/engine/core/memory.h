// How much memory there is, asked before a large allocation: Linux grants what it does not have and
// kills the process later.
#pragma once

#include <cstddef>
#include <string>

#include "engine/core/tensor.h"

namespace sluice {

// The least of what the machine and every cgroup of this process leave, in bytes.
size_t availableMemory();

struct MemoryInfo {
  size_t limit = 0;                // what this process may have at most, in bytes
  size_t available = 0;            // availableMemory()
  const char* source = "machine";  // what sets the limit: "machine", "cgroup v1" or "cgroup v2"
};
MemoryInfo memoryInfo();

// Throws OUT_OF_MEMORY with both numbers if `needed` bytes are not there.
void requireMemory(size_t needed, const std::string& what);

// No machine holds more; sums of a few such numbers of bytes do not overflow.
constexpr int64_t kMaxElements = int64_t{1} << 40;
// The product of the extents, OUT_OF_MEMORY where it is more than kMaxElements. `name` is that of a
// layer, or of a layer's part ("gru/kernel").
int64_t requireElements(const Shape& shape, const std::string& name);

}  // namespace sluice
