#include "engine/model/batch.h"

#include "engine/core/error.h"
#include "engine/core/memory.h"
#include "engine/graph/graph.h"

namespace sluice {
namespace {

const char* roleName(SlotRole role) {
  static constexpr const char* kNames[] = {"input",  "mask",   "lengths",
                                           "target", "weight", "cotangent"};
  return kNames[static_cast<size_t>(role)];
}

[[noreturn]] void mismatch(const std::string& where, const std::string& expected,
                           const std::string& received) {
  fail(Code::ShapeMismatch, cat(where, " needs ", expected, ", received ", received),
       {.layer = where, .expected = expected, .received = received});
}

// Binds the symbols of `expected` (with the batch axis, which is skipped) to the row's extents.
void bind(const Shape& expected, int expectedRank, const Shape& row, std::vector<int64_t>& symbols,
          const std::string& where) {
  bool fits = row.rank == expectedRank - 1;
  for (int i = 1; fits && i < expectedRank; ++i) {
    const int64_t extent = expected[i], received = row[i - 1];
    if (!isSymbol(extent)) {
      fits = extent == received;
      continue;
    }
    int64_t& bound = symbols[static_cast<size_t>(symbolNumber(extent))];
    if (bound < 0) bound = received;
    fits = bound == received;
  }
  if (fits) return;
  Shape shown = expected;
  shown.rank = expectedRank;
  for (int i = 1; i < expectedRank; ++i)
    if (isSymbol(shown[i]) && symbols[static_cast<size_t>(symbolNumber(shown[i]))] >= 0)
      shown[i] = symbols[static_cast<size_t>(symbolNumber(shown[i]))];
  mismatch(where, "rows of " + describeShape(shown) + " without its first axis", toString(row));
}

}  // namespace

Batch::Batch(const Graph& graph, int64_t rows, std::vector<SlotSpec> slots, const Device* device)
    : rows_(rows),
      slots_(std::move(slots)),
      symbols_(static_cast<size_t>(graph.symbols), -1),
      device_(device) {
  constexpr int64_t kMaxRows = int64_t{1} << 31;
  if (rows < 0 || rows > kMaxRows)
    fail(Code::InvalidArgument, cat("a batch has 0 to 2^31 rows, received ", rows),
         {.received = cat(rows)});
  // Inputs first: they tell what the symbols are.
  for (const bool inputs : {true, false}) {
    if (!inputs) graph.completeSymbols(symbols_);
    for (const SlotSpec& slot : slots_) {
      const bool ofInput = slot.role == SlotRole::Input || slot.role == SlotRole::Mask ||
                           slot.role == SlotRole::Lengths;
      const size_t count = ofInput ? graph.inputs.size() : graph.outputs.size();
      if (slot.index < 0 || static_cast<size_t>(slot.index) >= count)
        fail(Code::InvalidArgument,
             cat("there is no ", roleName(slot.role), " number ", slot.index),
             {.received = cat(slot.index)});
      if ((slot.role == SlotRole::Input) != inputs) continue;
      const ValueRef ref = ofInput ? ValueRef{graph.inputs[static_cast<size_t>(slot.index)], 0}
                                   : graph.outputs[static_cast<size_t>(slot.index)];
      const NodeOutput& value = graph.at(ref);
      const std::string& name = graph.nodes[static_cast<size_t>(ref.node)].name;
      const std::string where =
          slot.role == SlotRole::Input ? name : cat(name, ": ", roleName(slot.role));
      if (slot.rowShape.rank < 0 || slot.rowShape.rank >= kMaxRank)
        mismatch(where, "a shape", toString(slot.rowShape));
      Shape whole;
      whole.rank = slot.rowShape.rank + 1;
      whole[0] = rows;
      for (int i = 0; i < slot.rowShape.rank; ++i) {
        whole[i + 1] = slot.rowShape[i];
        if (slot.rowShape[i] < 0) mismatch(where, "a shape", toString(slot.rowShape));
      }
      requireElements(whole, where);
      DType dtype = value.dtype;
      switch (slot.role) {
        case SlotRole::Input:
        case SlotRole::Cotangent:
          bind(value.shape, value.shape.rank, slot.rowShape, symbols_, where);
          break;
        case SlotRole::Target:
          // Sparse classes have no last axis; which it is depends on the loss, checked by the run.
          dtype = slot.dtype == DType::Int32 ? DType::Int32 : DType::Float32;
          bind(value.shape, dtype == DType::Int32 ? value.shape.rank - 1 : value.shape.rank,
               slot.rowShape, symbols_, where);
          break;
        case SlotRole::Weight:
          dtype = DType::Float32;
          bind(value.shape, slot.rowShape.rank == 0 ? 1 : value.shape.rank - 1, slot.rowShape,
               symbols_, where);
          break;
        case SlotRole::Mask:
        case SlotRole::Lengths:
          if (!value.sequence) mismatch(where, "an input with steps", describeShape(value.shape));
          dtype = slot.role == SlotRole::Mask ? DType::Bool : DType::Int32;
          bind(value.shape, slot.role == SlotRole::Mask ? 2 : 1, slot.rowShape, symbols_, where);
          break;
      }
      if (slot.dtype != dtype) mismatch(where, dtypeName(dtype), dtypeName(slot.dtype));
    }
  }
  requireMemory(bytes(), cat("a batch of ", rows, " rows"));  // all of it, not each slot
  for (size_t i = 0; i < slots_.size(); ++i) {
    const size_t size = static_cast<size_t>(rows) * rowBytes(i);
    buffers_.emplace_back(size, "a batch", device ? &device->host() : nullptr);
    std::fill_n(buffers_.back().as<std::byte>(), size, std::byte{0});
  }
}

size_t Batch::rowBytes(size_t slot) const {
  return static_cast<size_t>(slots_[slot].rowShape.elements()) * dtypeBytes(slots_[slot].dtype);
}

std::byte* Batch::row(size_t slot, int64_t row) {
  return buffers_[slot].as<std::byte>() + static_cast<size_t>(row) * rowBytes(slot);
}

size_t Batch::bytes() const {
  size_t sum = 0;
  for (size_t i = 0; i < slots_.size(); ++i) sum += static_cast<size_t>(rows_) * rowBytes(i);
  return sum;
}

// The memory must outlive the copy.
Batch::Upload::~Upload() {
  try {
    queue.synchronize();
  } catch (const Error&) {
    // What failed is told by whoever waits for it.
  }
}

void Batch::upload() {
  if (device_ == nullptr) return;
  if (!upload_) {
    auto fresh = std::make_unique<Upload>(*device_);
    for (const Buffer& rows : buffers_)
      fresh->buffers.emplace_back(rows.bytes(), "a batch", device_);
    upload_ = std::move(fresh);
  }
  upload_->isThere = true;
  for (size_t i = 0; i < buffers_.size(); ++i)
    upload_->queue.copyIn(upload_->buffers[i].data(), buffers_[i].data(), buffers_[i].bytes());
}

void Batch::forgetUpload() {
  if (!upload_ || !upload_->isThere) return;
  upload_->queue.synchronize();
  upload_->isThere = false;
}

const void* Batch::uploaded(const void* host, size_t bytes, Queue& queue) const {
  if (!upload_ || !upload_->isThere || &queue.device() != device_) return nullptr;
  for (size_t i = 0; i < buffers_.size(); ++i) {
    if (buffers_[i].bytes() < bytes || bytes == 0) continue;
    const auto* begin = static_cast<const std::byte*>(buffers_[i].data());
    const auto* at = static_cast<const std::byte*>(host);
    if (std::less<>()(at, begin) ||
        at - begin > static_cast<ptrdiff_t>(buffers_[i].bytes() - bytes))
      continue;
    queue.follow(upload_->queue);
    return static_cast<const std::byte*>(upload_->buffers[i].data()) + (at - begin);
  }
  return nullptr;
}

int Batch::find(SlotRole role, int index) const {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].role == role && slots_[i].index == index) return static_cast<int>(i);
  return -1;
}

TensorView Batch::view(size_t slot) const {
  const SlotSpec& spec = slots_[slot];
  Shape shape;
  shape.rank = spec.rowShape.rank + 1;
  shape[0] = rows_;
  for (int i = 0; i < spec.rowShape.rank; ++i) shape[i + 1] = spec.rowShape[i];
  return {const_cast<void*>(buffers_[slot].data()), spec.dtype, shape};
}

}  // namespace sluice
