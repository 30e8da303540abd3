// Where memory lies: the host's, or that of a device which has its own.
#pragma once

#include <cstddef>

namespace sluice {

class MemorySpace {
 public:
  virtual ~MemorySpace() = default;
  // At least 64-byte aligned. OUT_OF_MEMORY, saying what it was for, how much it needs and how much
  // is free; nothing is changed then.
  virtual void* allocate(size_t bytes, const char* what) const = 0;
  virtual void release(void* memory) const noexcept = 0;
};

}  // namespace sluice
