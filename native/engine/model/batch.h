// The rows of one run, in memory of the engine's own. Filled on the caller's thread, read by the
// run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/backend/device.h"
#include "engine/core/buffer.h"
#include "engine/core/tensor.h"

namespace sluice {

class Graph;

enum class SlotRole { Input, Mask, Lengths, Target, Weight, Cotangent };

struct SlotSpec {
  SlotRole role = SlotRole::Input;
  int32_t index =
      0;           // of the input (Input, Mask, Lengths) or the output (Target, Weight, Cotangent)
  Shape rowShape;  // without the batch axis
  DType dtype = DType::Float32;
};

struct OwnedTensor {
  Shape shape;
  DType dtype = DType::Float32;
  Buffer buffer;

  TensorView view() const { return {const_cast<void*>(buffer.data()), dtype, shape}; }
};

class Batch {
 public:
  // Checks the slots against the graph (SHAPE_MISMATCH, INVALID_ARGUMENT) and allocates them.
  // `device`: where it will run, if that has memory of its own.
  Batch(const Graph& graph, int64_t rows, std::vector<SlotSpec> slots,
        const Device* device = nullptr);

  int64_t rows() const { return rows_; }
  const std::vector<SlotSpec>& slots() const { return slots_; }
  size_t rowBytes(size_t slot) const;
  // First byte of a slot's row.
  std::byte* row(size_t slot, int64_t row);
  size_t bytes() const;
  // What the graph's symbols (steps) are in this batch, by symbol number; -1 where no slot tells.
  const std::vector<int64_t>& symbols() const { return symbols_; }
  // Position of the slot with this role and index, or -1.
  int find(SlotRole role, int index) const;
  TensorView view(size_t slot) const;

  const Device* device() const { return device_; }
  // Starts to copy all rows to the device, beside whatever runs there. They are complete then, and
  // masked steps zeroed (uploadBatch).
  void upload();
  // Before rows are written again: waits for a copy that is under way, which then does not count.
  void forgetUpload();
  // Where the device has `bytes` bytes that lie at `host` in the batch, by the time that `queue`
  // comes to what is put into it next; null where it does not have them.
  const void* uploaded(const void* host, size_t bytes, Queue& queue) const;

  // One an output after predict and vjp; empty before and after other runs.
  std::vector<OwnedTensor> outputs;

  // True while a run reads the batch; the addon refuses to fill it then.
  std::atomic<bool> inUse{false};

 private:
  int64_t rows_;
  std::vector<SlotSpec> slots_;
  std::vector<Buffer> buffers_;
  std::vector<int64_t> symbols_;
  const Device* device_;
  struct Upload {
    explicit Upload(const Device& device) : queue(device) {}
    ~Upload();
    Queue queue;
    std::vector<Buffer> buffers;
    bool isThere = false;
  };
  std::unique_ptr<Upload> upload_;
};

}  // namespace sluice
