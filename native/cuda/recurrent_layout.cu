#include "cuda/recurrent_layout.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

const RecurrentCell& cellOfCall(const OpCall& call) {
  const auto& attributes = call.attr<RecurrentAttributes>();
  const bool norms = attributes.layerNorm != 0;
  switch (call.op) {
    case Op::Lstm:
    case Op::LstmBackward:
      return norms ? lstmNormCell() : lstmCell();
    case Op::SimpleRnn:
    case Op::SimpleRnnBackward:
      return norms ? simpleRnnNormCell() : simpleRnnCell();
    default:
      if (norms) return gruNormCell();
      return attributes.resetAfter ? gruCell() : resetBeforeCell();
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
      lowMemory(call.attr<RecurrentAttributes>().recompute != 0),
      inputMasks(call.in[recurrent::kInputMasks].present()),
      stateMasks(call.in[recurrent::kStateMasks].present()) {}

StepColumns RecurrentExtents::forwardColumns() const {
  return cell->resetsBefore()
             ? StepColumns{H, cell->gates, 2, 1, false, false, false}
             : StepColumns{H, cell->gates, 0, cell->gates, false, stateMasks, cell->norms()};
}
StepColumns RecurrentExtents::forwardResetColumns() const {
  return {H, cell->gates, 0, 2, false, stateMasks, false};
}
StepColumns RecurrentExtents::backwardColumns() const {
  return {H, cell->gates, 0, forwardGates(), true, stateMasks, cell->norms()};
}
StepColumns RecurrentExtents::backwardResetColumns() const {
  return {H, cell->gates, 2, 1, true, false, false};
}

int64_t RecurrentExtents::chunkSteps(int64_t floats) const {
  constexpr int64_t kFloats = int64_t{1} << 26;
  constexpr int64_t kLowMemoryRows = 1024;  // enough for products to be worth it
  const int64_t rows = lowMemory ? kLowMemoryRows : kFloats / std::max<int64_t>(floats, 1);
  return std::clamp<int64_t>(rows / std::max<int64_t>(B, 1), 1, std::max<int64_t>(T, 1));
}

const char* recurrentWhyNot(const OpCall& call) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  if (attributes.weights != WeightsType::Float32) return "weights are kept as float32 here";
  return nullptr;
}

int32_t gatherSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                    const StepRows& rows, const float* from, float* to) noexcept {
  const int64_t turns = chunk.turns, begin = chunk.begin, T = e.T;
  return forEach(call, e.B * turns * rows.width, [=] __device__(int64_t i) {
    const int64_t row = i / rows.width, j = i % rows.width, b = row / turns;
    const int64_t at = b * T + begin + row % turns;
    float value = 0;
    if (rows.mask == nullptr || rows.mask[at] != 0)
      value = from[at * rows.ld + j] *
              (rows.factors != nullptr ? rows.factors[b * rows.factorRow + j] : 1.0f);
    to[i] = value;
  });
}

int32_t scatterSteps(const OpCall& call, const RecurrentExtents& e, const StepChunk& chunk,
                     const StepRows& rows, const float* from, float* to, bool add) noexcept {
  const int64_t turns = chunk.turns, begin = chunk.begin, T = e.T;
  return forEach(call, e.B * turns * rows.width, [=] __device__(int64_t i) {
    const int64_t row = i / rows.width, j = i % rows.width, b = row / turns;
    float* place = to + (b * T + begin + row % turns) * rows.ld + j;
    const float value =
        from[i] * (rows.factors != nullptr ? rows.factors[b * rows.factorRow + j] : 1.0f);
    *place = add ? *place + value : value;
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
