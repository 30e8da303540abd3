#include "engine/model/snapshot.h"

#include <atomic>

namespace sluice {

uint64_t Snapshot::nextVersion() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

float* Snapshot::write() {
  const std::lock_guard lock(mutex_);
  bringToHost();
  for (const auto& copy : copies_) copy->valid = false;
  return values_.as<float>();
}

const float* Snapshot::values() const {
  const std::lock_guard lock(mutex_);
  bringToHost();
  return values_.as<float>();
}

void Snapshot::bringToHost() const {
  if (hostIsValid_) return;
  for (const auto& copy : copies_) {
    if (!copy->valid) continue;
    Queue queue(*copy->device);
    queue.copyOut(values_.data(), copy->buffer.data(), values_.bytes());
    queue.synchronize();
    hostIsValid_ = true;
    return;
  }
}

Snapshot::Copy& Snapshot::copyOn(const Device& device) const {
  for (const auto& copy : copies_)
    if (copy->device == &device) return *copy;
  copies_.push_back(std::make_unique<Copy>(
      Copy{&device, Buffer(values_.bytes(), "a copy of the weights", &device)}));
  return *copies_.back();
}

const float* Snapshot::valuesOn(const Device& device, Queue& queue) const {
  const std::lock_guard lock(mutex_);
  Copy& copy = copyOn(device);
  if (!copy.valid) {
    bringToHost();
    queue.copyIn(copy.buffer.data(), values_.data(), values_.bytes());
    // Another queue may ask next.
    queue.synchronize();
    copy.valid = true;
  }
  return copy.buffer.as<float>();
}

float* Snapshot::writeOn(const Device& device, Queue& queue) {
  const std::lock_guard lock(mutex_);
  Copy& copy = copyOn(device);
  // What lies between parameters is not written, and stays zero.
  if (!copy.valid) queue.fill(copy.buffer.data(), 0, copy.buffer.bytes());
  for (const auto& other : copies_) other->valid = false;
  copy.valid = true;
  hostIsValid_ = false;
  return copy.buffer.as<float>();
}

const void* Snapshot::packed(const PackedKey& key, const std::function<void(void*)>& pack) const {
  const std::lock_guard lock(mutex_);
  Packed* slot = nullptr;
  for (const auto& entry : packed_)
    if (entry->key == key) slot = entry.get();
  if (slot == nullptr) {
    packed_.push_back(std::make_unique<Packed>(Packed{key, false, Buffer(key.bytes)}));
    slot = packed_.back().get();
  }
  if (!slot->valid) {
    pack(slot->buffer.data());
    slot->valid = true;
  }
  return slot->buffer.data();
}

const void* Snapshot::valuesAs(DType real) const {
  const float* const floats = values();
  if (real == DType::Float32) return floats;
  const PackedKey key{.what = "double", .bytes = floats_ * sizeof(double)};
  return packed(key,
                [&](void* target) { std::copy_n(floats, floats_, static_cast<double*>(target)); });
}

size_t Snapshot::packedBytes() const {
  const std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (const auto& entry : packed_) bytes += entry->buffer.bytes();
  return bytes;
}

void Snapshot::invalidatePacked() {
  const std::lock_guard lock(mutex_);
  version_ = nextVersion();
  for (const auto& entry : packed_) entry->valid = false;
}

}  // namespace sluice
