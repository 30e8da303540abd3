// A device with memory of its own, as the engine uses it: the functions of abi.h with failures as
// exceptions and lifetimes as objects.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/backend/abi.h"
#include "engine/core/memory_space.h"

namespace sluice {

class Device final : public MemorySpace {
 public:
  // Both outlive it: libraries are never unloaded.
  Device(const BackendLibrary& library, int32_t index)
      : library_(library), index_(index), host_(*this) {}

  void* allocate(size_t bytes, const char* what) const override;
  void release(void* memory) const noexcept override;
  // Memory of the host that is copied from and to at full speed.
  const MemorySpace& host() const { return host_; }

  // Opens the device, once; empty, or what keeps it from being used. Any thread.
  std::string start() const;

  struct Memory {
    size_t free = 0, total = 0;
  };
  Memory memory() const;
  const char* whyNot(Precision precision) const {
    return library_.whyNotPrecision(index_, precision);
  }

  const BackendLibrary& library() const { return library_; }
  int32_t index() const { return index_; }
  std::string name() const;  // "cuda:0"
  std::string statusText(int32_t status) const;
  // INTERNAL, or OUT_OF_MEMORY where the device has none left, unless the status is 0.
  void check(int32_t status, const char* what) const;

 private:
  class Host final : public MemorySpace {
   public:
    explicit Host(const Device& device) : device_(device) {}
    void* allocate(size_t bytes, const char* what) const override;
    void release(void* memory) const noexcept override;

   private:
    const Device& device_;
  };

  const BackendLibrary& library_;
  int32_t index_;
  Host host_;
  mutable std::atomic<bool> isStarted_ = false;
};

// What was put into a queue while it recorded, to be run any number of times.
class Recording {
 public:
  Recording(const Device& device, void* handle) : device_(&device), handle_(handle) {}
  ~Recording() { device_->library().releaseRecording(handle_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  void* handle() const { return handle_; }

 private:
  const Device* device_;
  void* handle_;
};

// Work of a device, done in order while the caller goes on. Of one thread at a time.
class Queue {
 public:
  explicit Queue(const Device& device);
  ~Queue() { device_.library().closeQueue(handle_); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  const Device& device() const { return device_; }
  void* handle() const { return handle_; }

  void copyIn(void* device, const void* host, size_t bytes);
  void copyOut(void* host, const void* device, size_t bytes);
  void copyWithin(void* to, const void* from, size_t bytes);
  void fill(void* device, int32_t byte, size_t bytes);
  void synchronize();
  // What comes next waits for what is in the other one now.
  void follow(const Queue& other);

  // Keeps what `body` puts into the queue instead of running it; null where the device cannot.
  template <typename Body>
  std::unique_ptr<Recording> record(Body&& body) {
    device_.check(device_.library().beginRecording(handle_), "begin a recording");
    try {
      body();
    } catch (...) {
      endRecording();  // is not wanted
      throw;
    }
    return endRecording();
  }
  void replay(const Recording& recording);

 private:
  std::unique_ptr<Recording> endRecording();

  const Device& device_;
  void* handle_ = nullptr;
};

}  // namespace sluice
