#include "addon/batch.h"

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addon/js.h"
#include "addon/model.h"
#include "addon/specs.h"
#include "engine/backend/backend.h"
#include "engine/core/error.h"
#include "engine/model/run_inputs.h"

namespace sluice::addon {
namespace {

constexpr std::pair<std::string_view, SlotRole> kRoles[] = {
    {"input", SlotRole::Input},   {"mask", SlotRole::Mask},     {"lengths", SlotRole::Lengths},
    {"target", SlotRole::Target}, {"weight", SlotRole::Weight}, {"cotangent", SlotRole::Cotangent},
};
constexpr std::pair<std::string_view, DType> kDTypes[] = {
    {"float32", DType::Float32}, {"int32", DType::Int32}, {"bool", DType::Bool}};

constexpr size_t kMaxSlots = 4096;

std::vector<SlotSpec> readSlots(Napi::Value value) {
  const Napi::Array list = readArray(value, "slots", kMaxSlots);
  std::vector<SlotSpec> slots(list.Length());
  for (uint32_t i = 0; i < slots.size(); ++i) {
    const Napi::HandleScope scope(value.Env());
    const Fields fields(get(list, i), cat("slots[", i, "]"), {"role", "index", "shape", "dtype"});
    slots[i].role = fields.choice("role", kRoles);
    slots[i].index = static_cast<int32_t>(fields.integer("index", 0, kMaxSlots));
    slots[i].rowShape = readRowShape(fields.get("shape"), fields.path("shape"), kMaxCount);
    slots[i].dtype = fields.choice("dtype", kDTypes);
  }
  return slots;
}

napi_typedarray_type arrayType(DType dtype) {
  switch (dtype) {
    case DType::Int32:
      return napi_int32_array;
    case DType::Bool:
      return napi_uint8_array;
    default:
      return napi_float32_array;
  }
}

// Rows of `view` when one has `elements`.
int64_t rowsOf(const ArrayView& view, size_t elements) {
  return elements == 0 ? kMaxSafeInteger : static_cast<int64_t>(view.length / elements);
}

[[noreturn]] void outOfRange(const char* what, const std::string& expected, int64_t received) {
  fail(Code::InvalidArgument, cat(what, " must be ", expected, ", received ", received),
       {.option = what, .expected = expected, .received = cat(received)});
}

// Any byte but zero is true in JavaScript; kernels count on 0 and 1.
void copyRow(std::byte* to, const std::byte* from, size_t bytes, bool boolean) {
  if (!boolean) {
    std::memcpy(to, from, bytes);
    return;
  }
  for (size_t i = 0; i < bytes; ++i) to[i] = from[i] != std::byte{0} ? std::byte{1} : std::byte{0};
}

}  // namespace

BatchObject::BatchObject(const Napi::CallbackInfo& info) : Wrapped(info), memory_(info.Env()) {
  guard(info.Env(), [&] {
    const int64_t rows = readInteger(info[1], "rows", 0, kMaxCount);
    std::vector<SlotSpec> slots = readSlots(info[2]);
    const Device* device = nullptr;
    if (!info[3].IsUndefined())
      device = BackendRegistry::instance().require(readString(info[3], "device")).device();
    // Only now: reading the slots may have run code that disposed the model.
    const std::shared_ptr<Model> model = ModelObject::from(info[0], "model").model();
    batch_ = std::make_shared<Batch>(model->graph(), rows, std::move(slots), device);
    model_ = model;
    reportMemory();
  });
}

const std::shared_ptr<Batch>& BatchObject::forRunOf(const std::shared_ptr<Model>& model) const {
  if (model_.lock() != model)
    fail(Code::InvalidArgument, "the batch was made for another model", {.option = "batch"});
  idle();
  return batch_;
}

void BatchObject::reportMemory() {
  if (!batch_) return;  // disposed while the run was under way
  size_t bytes = batch_->bytes();
  for (const OwnedTensor& output : batch_->outputs) bytes += output.buffer.bytes();
  memory_.report(bytes);
}

Batch& BatchObject::idle() const {
  if (!batch_) fail(Code::Disposed, "the batch was disposed");
  if (batch_->inUse.load()) fail(Code::Busy, "a run that has not settled yet uses the batch");
  return *batch_;
}

Napi::Value BatchObject::rows(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), batch_ ? batch_->rows() : 0);
}

Napi::Value BatchObject::bytes(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), batch_ ? batch_->bytes() : 0);
}

void BatchObject::upload(const Napi::CallbackInfo&) {
  Batch& batch = idle();
  const std::shared_ptr<Model> model = model_.lock();
  if (model) uploadBatch(model->graph(), batch);
}

void BatchObject::gather(const Napi::CallbackInfo& info) {
  Batch& batch = idle();
  batch.forgetUpload();
  const auto slotCount = static_cast<int64_t>(batch.slots().size());
  const auto slot = static_cast<size_t>(readInteger(info[0], "slot", 0, slotCount - 1));
  const DType dtype = batch.slots()[slot].dtype;
  const int64_t offset = readInteger(info[3], "offset", 0, kMaxSafeInteger);
  const int64_t first = readInteger(info[4], "first", 0, batch.rows());
  const int64_t count = readInteger(info[5], "count", 0, batch.rows() - first);
  // From here on nothing runs that could move or shrink the buffers.
  const ArrayView source = readTypedArray(info[1], arrayType(dtype), "source");
  const size_t rowBytes = batch.rowBytes(slot);
  const int64_t sourceRows = rowsOf(source, rowBytes / dtypeBytes(dtype));
  const bool boolean = dtype == DType::Bool;
  std::byte* const target = batch.row(slot, 0) + static_cast<size_t>(first) * rowBytes;

  if (info[2].IsNull()) {
    if (offset > sourceRows || count > sourceRows - offset)
      outOfRange("source", cat("at least ", offset + count, " rows long"), sourceRows);
    if (count == 0 || rowBytes == 0) return;
    copyRow(target, source.data + static_cast<size_t>(offset) * rowBytes,
            static_cast<size_t>(count) * rowBytes, boolean);
    return;
  }

  const ArrayView index = readTypedArray(info[2], napi_int32_array, "rowIndex");
  const auto indices = static_cast<int64_t>(index.length);
  if (offset > indices || count > indices - offset)
    outOfRange("rowIndex", cat("at least ", offset + count, " long"), indices);
  const int32_t* const rows = index.as<int32_t>() + offset;
  for (int64_t i = 0; i < count; ++i)
    if (rows[i] < 0 || rows[i] >= sourceRows)
      outOfRange("rowIndex", cat("a row of the source, 0 to ", sourceRows - 1), rows[i]);
  if (rowBytes == 0) return;
  for (int64_t i = 0; i < count; ++i)
    copyRow(target + static_cast<size_t>(i) * rowBytes,
            source.data + static_cast<size_t>(rows[i]) * rowBytes, rowBytes, boolean);
}

const OwnedTensor& BatchObject::output(Napi::Value index) const {
  const std::vector<OwnedTensor>& outputs = idle().outputs;
  if (outputs.empty())
    fail(Code::InvalidArgument, "no run has filled the outputs of this batch yet",
         {.option = "output"});
  const auto last = static_cast<int64_t>(outputs.size()) - 1;
  return outputs[static_cast<size_t>(readInteger(index, "output", 0, last))];
}

Napi::Value BatchObject::outputShape(const Napi::CallbackInfo& info) {
  const Shape& shape = output(info[0]).shape;
  return toArray(info.Env(), std::span(shape.dims.data(), static_cast<size_t>(shape.rank)));
}

void BatchObject::scatter(const Napi::CallbackInfo& info) {
  const OwnedTensor& tensor = output(info[0]);
  if (tensor.dtype != DType::Float32 || tensor.shape.rank < 1)
    fail(Code::Unsupported, cat("cannot read an output of type ", dtypeName(tensor.dtype)));
  const int64_t rows = tensor.shape[0];
  const size_t rowFloats =
      rows == 0 ? 0 : static_cast<size_t>(tensor.shape.elements()) / static_cast<size_t>(rows);
  const int64_t targetRow = readInteger(info[2], "targetRow", 0, kMaxSafeInteger / 2);
  const int64_t first = readInteger(info[3], "first", 0, rows);
  const int64_t count = readInteger(info[4], "count", 0, rows - first);
  const ArrayView target = readTypedArray(info[1], napi_float32_array, "target");
  const int64_t targetRows = rowsOf(target, rowFloats);
  const int64_t at = targetRow + first;
  if (at > targetRows || count > targetRows - at)
    outOfRange("target", cat("at least ", at + count, " rows long"), targetRows);
  if (count == 0 || rowFloats == 0) return;
  std::memcpy(target.as<float>() + static_cast<size_t>(at) * rowFloats,
              tensor.buffer.as<float>() + static_cast<size_t>(first) * rowFloats,
              static_cast<size_t>(count) * rowFloats * sizeof(float));
}

void BatchObject::dispose(const Napi::CallbackInfo&) {
  batch_.reset();
  memory_.report(0);
}

void BatchObject::define(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  Wrapped::define(exports, {
                               getter<&BatchObject::rows>("rows"),
                               getter<&BatchObject::bytes>("bytes"),
                               method<&BatchObject::gather>(env, "gather"),
                               method<&BatchObject::upload>(env, "upload"),
                               method<&BatchObject::outputShape>(env, "outputShape"),
                               method<&BatchObject::scatter>(env, "scatter"),
                               method<&BatchObject::dispose>(env, "dispose"),
                           });
}

}  // namespace sluice::addon
