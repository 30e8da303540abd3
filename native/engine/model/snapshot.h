// The weights of one published step: immutable once published, kept alive by whoever reads them,
// together with the packed forms that kernels made of them, and their copies on devices. Where a
// device made them, the host has them once it asks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/backend/device.h"
#include "engine/core/buffer.h"
#include "engine/core/tensor.h"
#include "engine/plan/packed.h"

namespace sluice {

class Snapshot {
 public:
  // Zeros: the padding between parameters stays so.
  explicit Snapshot(size_t floats)
      : floats_(floats), values_(floats * sizeof(float)), version_(nextVersion()) {
    std::fill_n(write(), floats, 0.0f);
  }

  const float* values() const;
  // To be written: copies on devices are stale from here on.
  float* write();
  size_t floats() const { return floats_; }
  // In this real type: as they are, or a copy that lives as long as the snapshot.
  const void* valuesAs(DType real) const;
  // On a device, brought there if need be by the time that `queue` comes to what is put into it
  // next. Valid as long as the snapshot is.
  const float* valuesOn(const Device& device, Queue& queue) const;
  // To be written there: that copy is the only valid
  // one from here on. Whoever calls owns the snapshot alone.
  float* writeOn(const Device& device, Queue& queue);
  // Of these values: no other snapshot has it, nor this one once it is written again. Not 0.
  uint64_t version() const { return version_; }

  // The packed form with this key, made by `pack` if it is not there yet. Stays valid as long as
  // the snapshot does.
  const void* packed(const PackedKey& key, const std::function<void(void*)>& pack) const;
  size_t packedBytes() const;
  // Before the buffer is written again: packed forms are stale, their memory is kept.
  void invalidatePacked();

 private:
  struct Packed {
    PackedKey key;
    bool valid = false;
    Buffer buffer;
  };
  // On a device.
  struct Copy {
    const Device* device;
    Buffer buffer;
    bool valid = false;
  };
  static uint64_t nextVersion();
  Copy& copyOn(const Device& device) const;
  void bringToHost() const;  // mutex_ is held

  size_t floats_;
  mutable Buffer values_;
  mutable bool hostIsValid_ = true;
  mutable std::vector<std::unique_ptr<Copy>> copies_;
  uint64_t version_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Packed>> packed_;
};

}  // namespace sluice
