#include "engine/backend/device.h"

#include "engine/core/error.h"

namespace sluice {

std::string Device::name() const { return cat(library_.name, ":", index_); }

std::string Device::statusText(int32_t status) const {
  char text[512] = {};
  library_.statusText(status, text, sizeof text);
  return text;
}

std::string Device::start() const {
  if (isStarted_) return "";
  const int32_t status = library_.start(index_);
  isStarted_ = status == 0;
  return status == 0 ? "" : statusText(status);
}

void Device::check(int32_t status, const char* what) const {
  if (status == 0) return;
  fail(status == kOutOfMemory ? Code::OutOfMemory : Code::Internal,
       cat(name(), ": could not ", what, ": ", statusText(status)),
       {.option = "device", .received = name()});
}

void* Device::allocate(size_t bytes, const char* what) const {
  void* memory = nullptr;
  const int32_t status = library_.allocate(index_, bytes, &memory);
  if (status == kOutOfMemory) {
    const Memory left = this->memory();
    fail(Code::OutOfMemory,
         cat(what, " needs ", bytes, " bytes of ", name(), ", which has ", left.free, " of ",
             left.total, " left"),
         {.option = "device", .expected = cat(bytes), .received = cat(left.free)});
  }
  check(status, "allocate memory");
  return memory;
}

void Device::release(void* memory) const noexcept { library_.release(index_, memory); }

Device::Memory Device::memory() const {
  Memory memory;
  check(library_.memoryInfo(index_, &memory.free, &memory.total), "tell its memory");
  return memory;
}

void* Device::Host::allocate(size_t bytes, const char* what) const {
  void* memory = nullptr;
  const int32_t status = device_.library_.allocateHost(device_.index_, bytes, &memory);
  if (status == kOutOfMemory)
    fail(Code::OutOfMemory,
         cat(what, " needs ", bytes, " bytes of the host's memory, locked for ", device_.name(),
             ", which are not there"),
         {.expected = cat(bytes)});
  device_.check(status, "allocate memory of the host");
  return memory;
}

void Device::Host::release(void* memory) const noexcept {
  device_.library_.releaseHost(device_.index_, memory);
}

Queue::Queue(const Device& device) : device_(device) {
  device_.check(device_.library().openQueue(device_.index(), &handle_), "open a queue");
}

void Queue::copyIn(void* device, const void* host, size_t bytes) {
  if (bytes > 0)
    device_.check(device_.library().copyIn(handle_, device, host, bytes), "copy to the device");
}

void Queue::copyOut(void* host, const void* device, size_t bytes) {
  if (bytes > 0)
    device_.check(device_.library().copyOut(handle_, host, device, bytes), "copy from the device");
}

void Queue::copyWithin(void* to, const void* from, size_t bytes) {
  if (bytes > 0)
    device_.check(device_.library().copyWithin(handle_, to, from, bytes), "copy on the device");
}

void Queue::fill(void* device, int32_t byte, size_t bytes) {
  if (bytes > 0) device_.check(device_.library().fill(handle_, device, byte, bytes), "fill memory");
}

void Queue::synchronize() {
  device_.check(device_.library().synchronize(handle_), "finish its work");
}

void Queue::follow(const Queue& other) {
  device_.check(device_.library().follow(handle_, other.handle_), "wait for another queue");
}

std::unique_ptr<Recording> Queue::endRecording() {
  void* recording = nullptr;
  if (device_.library().endRecording(handle_, &recording) != 0 || recording == nullptr)
    return nullptr;
  return std::make_unique<Recording>(device_, recording);
}

void Queue::replay(const Recording& recording) {
  device_.check(device_.library().replay(handle_, recording.handle()), "replay a recording");
}

}  // namespace sluice
