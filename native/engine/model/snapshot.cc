#include "engine/model/snapshot.h"

#include <atomic>

namespace sluice {

uint64_t Snapshot::nextVersion() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
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
  if (real == DType::Float32) return values();
  const PackedKey key{.what = "double", .bytes = floats_ * sizeof(double)};
  return packed(
      key, [&](void* target) { std::copy_n(values(), floats_, static_cast<double*>(target)); });
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
