// The shared memory of a block, which begins with NaN.
#pragma once

#include <cstddef>

namespace sluice::emulator {

class SharedMemory {
 public:
  explicit SharedMemory(size_t dynamicBytes);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;

  void beginBlock();
  void endBlock();  // checks that nothing was written behind it
  void* dynamic() const { return dynamic_; }

 private:
  void* dynamic_;
  size_t bytes_;
};

}  // namespace sluice::emulator
