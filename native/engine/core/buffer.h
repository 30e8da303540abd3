// Memory aligned for SIMD and cache lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/memory.h"

namespace sluice {

constexpr size_t kAlignment = 64;
constexpr size_t alignUp(size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

class Buffer {
 public:
  Buffer() = default;
  // OUT_OF_MEMORY, before anything is allocated, where the machine does not have that much.
  explicit Buffer(size_t bytes, const char* what = "memory of this call") : bytes_(bytes) {
    if (bytes == 0) return;
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
  ~Buffer() { std::free(data_); }

  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  size_t bytes() const { return bytes_; }
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
};

}  // namespace sluice
