// Scratch memory of a call, shared out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::cuda {

// Pieces of scratch memory, one behind the other.
class ScratchPlan {
 public:
  size_t take(size_t bytes) {
    const size_t at = bytes_;
    bytes_ += (bytes + 63) / 64 * 64;
    return at;
  }
  size_t floats(int64_t count) { return take(static_cast<size_t>(count) * sizeof(float)); }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
};

}  // namespace sluice::cuda
