#include "engine/model/run_inputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sluice {

RunInputs::RunInputs(const Graph& graph, Batch& batch, DType real)
    : rows_(batch.rows()), symbols_(batch.symbols()) {
  inputs_.resize(graph.inputs.size());
  masks_.resize(graph.inputs.size());
  for (auto* rows : {&targets_, &weights_, &cotangents_}) rows->resize(graph.outputs.size());
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    prepareInput(graph, batch, static_cast<int>(i), real);
  for (const Node& node : graph.nodes)
    if (node.ids > 0) checkIds(graph, batch, node);
  for (size_t k = 0; k < graph.outputs.size(); ++k) {
    const int index = static_cast<int>(k);
    if (const int slot = batch.find(SlotRole::Target, index); slot >= 0)
      targets_[k] = this->real(batch, static_cast<size_t>(slot), real);
    if (const int slot = batch.find(SlotRole::Cotangent, index); slot >= 0)
      cotangents_[k] = this->real(batch, static_cast<size_t>(slot), real);
    if (const int slot = batch.find(SlotRole::Weight, index); slot >= 0) {
      weights_[k] = this->real(batch, static_cast<size_t>(slot), real);
      weighted_ |= uint64_t{1} << k;
      if (batch.slots()[static_cast<size_t>(slot)].rowShape.rank > 0)
        stepWeights_ |= uint64_t{1} << k;
    }
  }
}

void uploadBatch(const Graph& graph, Batch& batch) {
  if (batch.device() == nullptr) return;
  try {
    const RunInputs zeroesMaskedSteps(graph, batch, DType::Float32);
    batch.upload();
  } catch (const Error&) {
    batch.forgetUpload();
  }
}

// A slot's rows in the plan's real type.
RunInputs::Rows RunInputs::real(Batch& batch, size_t slot, DType real) {
  if (batch.slots()[slot].dtype != DType::Float32 || real == DType::Float32)
    return {batch.row(slot, 0), batch.rowBytes(slot)};
  const size_t n = static_cast<size_t>(rows_) * batch.rowBytes(slot) / sizeof(float);
  owned_.emplace_back(n * sizeof(double));
  const float* from = reinterpret_cast<const float*>(batch.row(slot, 0));
  if (n > 0) std::copy_n(from, n, owned_.back().as<double>());
  return {owned_.back().as<std::byte>(), 2 * batch.rowBytes(slot)};
}

void RunInputs::prepareInput(const Graph& graph, Batch& batch, int input, DType real) {
  const auto i = static_cast<size_t>(input);
  const std::string& name = graph.nodes[static_cast<size_t>(graph.inputs[i])].name;
  const int slot = batch.find(SlotRole::Input, input);
  if (slot < 0)
    fail(Code::InvalidArgument, cat("input '", name, "' is missing"),
         {.layer = name, .expected = name});
  const auto inputSlot = static_cast<size_t>(slot);
  const int mask = batch.find(SlotRole::Mask, input),
            lengths = batch.find(SlotRole::Lengths, input);
  if (mask >= 0) {
    masks_[i] = {batch.row(static_cast<size_t>(mask), 0),
                 batch.rowBytes(static_cast<size_t>(mask))};
  } else if (lengths >= 0) {
    const int64_t steps = batch.slots()[inputSlot].rowShape[0];
    owned_.emplace_back(static_cast<size_t>(rows_ * steps));
    masks_[i] = {owned_.back().as<std::byte>(), static_cast<size_t>(steps)};
    const auto* length =
        reinterpret_cast<const int32_t*>(batch.row(static_cast<size_t>(lengths), 0));
    for (int64_t r = 0; r < rows_; ++r) {
      if (length[r] < 0 || length[r] > steps)
        fail(Code::InvalidArgument,
             cat(name, ": the length of row ", r, " must be from 0 to ", steps, ", received ",
                 length[r]),
             {.layer = name,
              .option = "lengths",
              .expected = cat("0..", steps),
              .received = cat(length[r])});
      for (int64_t t = 0; t < steps; ++t) masks_[i].at(r)[t] = std::byte{t < length[r]};
    }
  }
  if (masks_[i].data != nullptr) {
    masked_ |= uint64_t{1} << i;
    const auto steps = static_cast<int64_t>(masks_[i].rowBytes);
    const size_t stepBytes = steps > 0 ? batch.rowBytes(inputSlot) / static_cast<size_t>(steps) : 0;
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t t = 0; t < steps; ++t)
        if (masks_[i].at(r)[t] == std::byte{0})
          std::memset(batch.row(inputSlot, r) + static_cast<size_t>(t) * stepBytes, 0, stepBytes);
  }
  inputs_[i] = this->real(batch, inputSlot, real);
}

void RunInputs::clearMasked(int input, std::vector<float>& gradient) const {
  const Rows& mask = masks_[static_cast<size_t>(input)];
  const size_t steps = static_cast<size_t>(rows_) * mask.rowBytes;
  if (mask.data == nullptr || steps == 0) return;
  const size_t perStep = gradient.size() / steps;
  for (size_t i = 0; i < steps; ++i)
    if (mask.data[i] == std::byte{0}) std::fill_n(&gradient[i * perStep], perStep, 0.0f);
}

void RunInputs::bind(RunMemory& memory, int64_t first) const {
  const auto point = [first](const std::vector<Rows>& rows, std::vector<void*>& pointers) {
    pointers.clear();
    for (const Rows& r : rows) pointers.push_back(r.at(first));
  };
  point(inputs_, memory.inputs);
  point(masks_, memory.masks);
  point(targets_, memory.targets);
  point(weights_, memory.weights);
  point(cotangents_, memory.cotangents);
}

double RunInputs::denominator(const Plan& plan, size_t output, int64_t first, int64_t rows,
                              const uint8_t* mask) const {
  const Extents extents{rows, symbols_};
  const Shape& shape = plan.values[static_cast<size_t>(plan.outputs[output])].shape;
  int64_t perRow = 1;
  if (plan.lossOfBatchRows[output]) mask = nullptr;
  for (int i = 1; i + 1 < shape.rank && !plan.lossOfBatchRows[output]; ++i)
    perRow *= extents(shape[i]);
  const bool weighted = weighted_ >> output & 1, perStep = stepWeights_ >> output & 1;
  const std::byte* weights = weights_[output].at(first);
  const auto weightAt = [&](int64_t i) {
    return plan.request.real == DType::Float64
               ? reinterpret_cast<const double*>(weights)[i]
               : static_cast<double>(reinterpret_cast<const float*>(weights)[i]);
  };
  const int64_t n = rows * perRow;
  const int64_t perMask = mask && n > 0 ? n / (rows * extents(shape[1])) : 1;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (mask && mask[i / perMask] == 0) continue;
    sum += weighted ? weightAt(perStep ? i : i / perRow) : 1;
  }
  return sum;
}

void RunInputs::checkIds(const Graph& graph, const Batch& batch, const Node& node) const {
  const int source = node.inputs[0].node;  // an input: no layer makes Int32 values
  const auto input = std::find(graph.inputs.begin(), graph.inputs.end(), source);
  const int slot = batch.find(SlotRole::Input, static_cast<int>(input - graph.inputs.begin()));
  const TensorView view = batch.view(static_cast<size_t>(slot));
  const int64_t n = view.shape.elements(), perRow = rows_ > 0 ? n / rows_ : 0;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t id = view.as<int32_t>()[i];
    if (id >= 0 && id < node.ids) continue;
    fail(Code::InvalidArgument,
         cat(node.name, ": id ", id, " in row ", i / perRow, " of the batch is not one of the ",
             node.ids, " from 0 to ", node.ids - 1),
         {.layer = node.name, .expected = cat("0..", node.ids - 1), .received = cat(id)});
  }
}

// Targets fit the loss, weights are finite and not negative, classes exist.
void checkObjectives(const Graph& graph, const Batch& batch, const TrainingSpec& spec) {
  for (size_t k = 0; k < graph.outputs.size(); ++k) {
    const std::string& name = graph.nodes[static_cast<size_t>(graph.outputs[k].node)].name;
    const int slot = batch.find(SlotRole::Target, static_cast<int>(k));
    if (slot < 0)
      fail(Code::InvalidArgument, cat(name, ": its targets are missing"), {.layer = name});
    const TensorView target = batch.view(static_cast<size_t>(slot));
    const bool sparse = spec.losses[k].loss.kind == LossKind::SparseCategoricalCrossentropy;
    if (sparse != (target.dtype == DType::Int32))
      fail(Code::ShapeMismatch,
           cat(name, ": this loss takes ", sparse ? "int32 classes" : "float32 targets",
               ", received ", dtypeName(target.dtype)),
           {.layer = name,
            .expected = sparse ? "int32" : "float32",
            .received = dtypeName(target.dtype)});
    if (sparse) {
      const int64_t classes = graph.at(graph.outputs[k]).shape.last();
      const int64_t perRow = batch.rows() > 0 ? target.shape.elements() / batch.rows() : 1;
      for (int64_t i = 0; i < target.shape.elements(); ++i) {
        const int32_t c = target.as<int32_t>()[i];
        // -1 marks what the mask or the weights leave out; the loss does not look there.
        if (c < -1 || c >= classes)
          fail(Code::InvalidArgument,
               cat(name, ": class ", c, " in row ", i / std::max<int64_t>(1, perRow),
                   " of the batch is not one of the ", classes, " classes"),
               {.layer = name, .expected = cat("0..", classes - 1), .received = cat(c)});
      }
    }
    if (const int weight = batch.find(SlotRole::Weight, static_cast<int>(k)); weight >= 0) {
      const TensorView w = batch.view(static_cast<size_t>(weight));
      for (int64_t i = 0; i < w.shape.elements(); ++i)
        if (!(w.as<float>()[i] >= 0) || std::isinf(w.as<float>()[i]))
          fail(Code::InvalidArgument,
               cat(name, ": a sample weight must be finite and not negative, received ",
                   w.as<float>()[i]),
               {.layer = name, .option = "sampleWeight", .received = cat(w.as<float>()[i])});
    }
  }
}

}  // namespace sluice
