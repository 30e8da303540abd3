// Memory aligned for SIMD and cache lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/memory.h"
#include "engine/core/memory_space.h"

namespace sluice {

constexpr size_t kAlignment = 64;
constexpr size_t alignUp(size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

class Buffer {
 public:
  Buffer() = default;
  // OUT_OF_MEMORY, before anything is allocated, where the machine does not have that much.
  // Without a space: memory of the host.
  explicit Buffer(size_t bytes, const char* what = "memory of this call",
                  const MemorySpace* space = nullptr)
      : bytes_(bytes), space_(space) {
    if (bytes == 0) return;
    if (space != nullptr) {
      data_ = space->allocate(bytes, what);
      return;
    }
    requireMemory(bytes, what);
    data_ = std::aligned_alloc(kAlignment, alignUp(bytes));
    if (data_ == nullptr)
      fail(Code::OutOfMemory, cat("cannot allocate ", bytes, " bytes"),
           {.expected = std::to_string(bytes)});
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() {
    if (space_ == nullptr)
      std::free(data_);
    else if (data_ != nullptr)
      space_->release(data_);
  }

  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(space_, other.space_);
  }
  size_t bytes() const { return bytes_; }
  const MemorySpace* space() const { return space_; }
  void* data() { return data_; }
  const void* data() const { return data_; }
  template <typename T>
  T* as() {
    return static_cast<T*>(data_);
  }
  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  const MemorySpace* space_ = nullptr;
};

}  // namespace sluice
