#include "cuda/recurrent_layout.h"

#include "cuda/arguments.h"

namespace sluice::cuda {
namespace {

const RecurrentCell& cellOfCall(const OpCall& call) {
  switch (call.op) {
    case Op::Lstm:
    case Op::LstmBackward:
      return lstmCell();
    case Op::SimpleRnn:
    case Op::SimpleRnnBackward:
      return simpleRnnCell();
    default:
      return call.attr<RecurrentAttributes>().resetAfter ? gruCell() : resetBeforeCell();
  }
}

}  // namespace

RecurrentExtents::RecurrentExtents(const OpCall& call)
    : cell(&cellOfCall(call)),
      B(call.in[recurrent::kX].shape[0]),
      T(call.in[recurrent::kX].shape[1]),
      I(call.in[recurrent::kX].shape[2]),
      H(call.in[recurrent::kRecurrentKernel].shape[0]),
      precision(call.context ? call.context->precision : Precision::Float32),
      masked(call.in[recurrent::kMask].present()),
      reverse(call.attr<RecurrentAttributes>().reverse != 0),
      lowMemory(call.attr<RecurrentAttributes>().recompute != 0) {}

StepColumns RecurrentExtents::forwardColumns() const {
  return cell->resetsBefore() ? StepColumns{H, cell->gates, 2, 1, false}
                              : StepColumns{H, cell->gates, 0, cell->gates, false};
}
StepColumns RecurrentExtents::forwardResetColumns() const { return {H, cell->gates, 0, 2, false}; }
StepColumns RecurrentExtents::backwardColumns() const {
  return {H, cell->gates, 0, cell->resetsBefore() ? 2 : cell->gates, true};
}
StepColumns RecurrentExtents::backwardResetColumns() const { return {H, cell->gates, 2, 1, true}; }

int64_t RecurrentExtents::chunkSteps(int64_t floats) const {
  constexpr int64_t kFloats = int64_t{1} << 26;
  constexpr int64_t kLowMemoryRows = 1024;  // enough for products to be worth it
  const int64_t rows = lowMemory ? kLowMemoryRows : kFloats / std::max<int64_t>(floats, 1);
  return std::clamp<int64_t>(rows / std::max<int64_t>(B, 1), 1, std::max<int64_t>(T, 1));
}

const char* recurrentWhyNot(const OpCall& call) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  if (attributes.weights != WeightsType::Float32) return "weights are kept as float32 here";
  if (attributes.gateMasks) return "dropout inside a cell is not there yet";
  if (attributes.layerNorm) return "layer normalization inside a cell is not there yet";
  return nullptr;
}

int32_t gatherSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                    const float* from, int64_t ld, int64_t width, const uint8_t* mask,
                    float* to) noexcept {
  const int64_t turns = chunk.turns, begin = chunk.begin, T = e.T;
  return forEach(call, e.B * turns * width, [=] __device__(int64_t i) {
    const int64_t row = i / width, at = row / turns * T + begin + row % turns;
    to[i] = mask != nullptr && mask[at] == 0 ? 0.0f : from[at * ld + i % width];
  });
}

int32_t scatterSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                     const float* from, int64_t width, float* to) noexcept {
  const int64_t turns = chunk.turns, begin = chunk.begin, T = e.T;
  return forEach(call, e.B * turns * width, [=] __device__(int64_t i) {
    const int64_t row = i / width;
    to[(row / turns * T + begin + row % turns) * width + i % width] = from[i];
  });
}

CellOptions cellOptions(const RecurrentAttributes& attributes) noexcept {
  const auto inFloat = [](const ActivationSpec& spec) {
    return CellActivation{spec.kind, static_cast<float>(spec.alpha), static_cast<float>(spec.beta)};
  };
  return {inFloat(attributes.activation), inFloat(attributes.recurrentActivation),
          static_cast<float>(attributes.clip), attributes.replace};
}

}  // namespace sluice::cuda
