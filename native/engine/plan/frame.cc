#include "engine/plan/frame.h"

#include <chrono>

#include "engine/core/error.h"
#include "engine/runtime/scheduler.h"

namespace sluice {

using Clock = std::chrono::steady_clock;

std::vector<void*> RunMemory::*RunMemory::listOf(Storage storage) {
  switch (storage) {
    case Storage::Input:
      return &RunMemory::inputs;
    case Storage::Mask:
      return &RunMemory::masks;
    case Storage::Target:
      return &RunMemory::targets;
    case Storage::Weight:
      return &RunMemory::weights;
    case Storage::Cotangent:
      return &RunMemory::cotangents;
    case Storage::Scale:
      return &RunMemory::scales;
    case Storage::PenaltyScale:
      return &RunMemory::penaltyScales;
    case Storage::StateIn:
      return &RunMemory::statesIn;
    case Storage::Arena:
    case Storage::Parameter:
    case Storage::Gradient:
      break;
  }
  return nullptr;
}

Frame::Frame(std::shared_ptr<const BoundPlan> plan, const std::vector<Parameter>& parameters)
    : plan_(std::move(plan)), views_(plan_->views()) {
  const size_t real = dtypeBytes(plan_->plan().request.real);
  for (const Parameter& parameter : parameters)
    parameterOffsets_.push_back(static_cast<size_t>(parameter.offset) * real);
  const auto& ops = plan_->plan().ops;
  for (size_t i = 0; i < ops.size(); ++i) {
    OpCall call;
    call.op = ops[i].op;
    call.attributes = ops[i].attributes.get();
    call.in = &views_[plan_->ops()[i].firstView];
    call.inCount = static_cast<int32_t>(ops[i].in.size());
    call.out = call.in + ops[i].in.size();
    call.outCount = static_cast<int32_t>(ops[i].out.size());
    calls_.push_back(call);
  }
  contexts_.resize(calls_.size());
}

void* Frame::locate(ValueId id, const RunMemory& memory) const {
  const PlanValue& value = plan_->plan().values[static_cast<size_t>(id)];
  const auto index = static_cast<size_t>(value.index);
  switch (value.storage) {
    case Storage::Arena:
      return static_cast<std::byte*>(memory.arena) + plan_->offset(id);
    case Storage::Parameter:
      return static_cast<std::byte*>(const_cast<void*>(memory.parameters)) +
             parameterOffsets_[index];
    case Storage::Gradient:
      return static_cast<std::byte*>(memory.gradients) + parameterOffsets_[index];
    default:
      return (memory.*RunMemory::listOf(value.storage))[index];
  }
}

void Frame::run(const RunMemory& memory, const RunContext& context) {
  last_ = &memory;
  const auto& ids = plan_->viewValues();
  for (size_t v = 0; v < views_.size(); ++v)
    if (ids[v] != kNoValue) views_[v].data = locate(ids[v], memory);
  const uint64_t version = memory.snapshot ? memory.snapshot->version() : 0;
  const bool isPacked = version != 0 && version == packedOf_;
  packedOf_ = 0;
  for (size_t i = 0; i < calls_.size(); ++i) {
    const BoundOp& bound = plan_->ops()[i];
    OpCall& call = calls_[i];
    contexts_[i] = context;
    contexts_[i].rowOffset *= bound.rowFactor;
    call.context = &contexts_[i];
    call.scratch = bound.scratchBytes > 0
                       ? static_cast<std::byte*>(memory.arena) + bound.scratchOffset
                       : nullptr;
    if (bound.packed.bytes > 0 && !isPacked)
      call.packed = memory.snapshot->packed(
          bound.packed, [&](void* target) { bound.kernel->pack(call, target); });
    if (bound.ownPackedBytes > 0) {
      void* target = static_cast<std::byte*>(memory.arena) + bound.ownPackedOffset;
      bound.kernel->pack(call, target);
      call.packed = target;
    }
    // Of a pair, the second one starts both.
    if (bound.paired) continue;
    const bool isPair = i > 0 && plan_->ops()[i - 1].paired;
    const Clock::time_point start = memory.seconds ? Clock::now() : Clock::time_point();
    const int32_t status =
        isPair ? bound.kernel->launchPair(calls_[i - 1], call) : bound.kernel->launch(call);
    if (memory.seconds) {
      memory.seconds[i] = std::chrono::duration<double>(Clock::now() - start).count();
      if (isPair) memory.seconds[i - 1] = memory.seconds[i];
    }
    if (status != 0)
      fail(Code::Internal,
           cat(plan_->plan().ops[i].layer, ": ", opName(call.op), " failed on ",
               bound.backend->name(), ": ", bound.backend->statusText(status)),
           {.layer = plan_->plan().ops[i].layer});
    if (memory.cancel) memory.cancel->check();
    if (memory.yields) Scheduler::instance().yieldToInference();
  }
  packedOf_ = version;
}

TensorView Frame::value(ValueId id) const {
  TensorView view = plan_->valueView(id);
  view.data = locate(id, *last_);
  return view;
}

}  // namespace sluice
