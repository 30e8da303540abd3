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
  if (plan_->hasHostOps()) hostViews_ = views_;
  const size_t real = dtypeBytes(plan_->plan().request.real);
  for (const Parameter& parameter : parameters)
    parameterOffsets_.push_back(static_cast<size_t>(parameter.offset) * real);
  const auto& ops = plan_->plan().ops;
  for (size_t i = 0; i < ops.size(); ++i) {
    OpCall call;
    call.op = ops[i].op;
    call.attributes = ops[i].attributes.get();
    const bool ofHost = plan_->ops()[i].backend->device() == nullptr && !hostViews_.empty();
    call.in = &(ofHost ? hostViews_ : views_)[plan_->ops()[i].firstView];
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

void Frame::place(const RunMemory& memory, std::vector<TensorView>& views) const {
  const auto& ids = plan_->viewValues();
  for (size_t v = 0; v < views.size(); ++v)
    if (ids[v] != kNoValue) views[v].data = locate(ids[v], memory);
}

// Scratch and packed weights of an op, in the memory where its backend works.
void Frame::prepare(size_t op, const RunMemory& memory, bool isPacked) {
  const BoundOp& bound = plan_->ops()[op];
  OpCall& call = calls_[op];
  auto* arena = static_cast<std::byte*>(memory.arena);
  call.scratch = bound.scratchBytes > 0 ? arena + bound.scratchOffset : nullptr;
  if (bound.packed.bytes > 0 && !isPacked)
    call.packed = memory.snapshot->packed(bound.packed,
                                          [&](void* target) { bound.kernel->pack(call, target); });
  if (bound.ownPackedBytes > 0) {
    bound.kernel->pack(call, arena + bound.ownPackedOffset);
    call.packed = arena + bound.ownPackedOffset;
  }
}

void Frame::launch(size_t op, const RunMemory& memory) {
  const BoundOp& bound = plan_->ops()[op];
  const OpCall& call = calls_[op];
  const bool isPair = op > 0 && plan_->ops()[op - 1].paired;
  const auto wait = [&] {  // what is timed must be done
    if (memory.seconds && memory.queue) memory.queue->synchronize();
  };
  wait();
  const Clock::time_point start = memory.seconds ? Clock::now() : Clock::time_point();
  const int32_t status =
      isPair ? bound.kernel->launchPair(calls_[op - 1], call) : bound.kernel->launch(call);
  wait();
  if (memory.seconds) {
    memory.seconds[op] = std::chrono::duration<double>(Clock::now() - start).count();
    if (isPair) memory.seconds[op - 1] = memory.seconds[op];
  }
  if (status != 0)
    failLaunch(*bound.backend, status,
               cat(plan_->plan().ops[op].layer, ": ", opName(call.op), " failed on ",
                   bound.backend->name()),
               plan_->plan().ops[op].layer);
}

// Values that only ops of the host see are not on the device; the others may have been written
// there. What comes from outside is on the host in any case.
bool Frame::isCopied(ValueId id) const {
  if (id == kNoValue) return false;
  const PlanValue& value = plan_->plan().values[static_cast<size_t>(id)];
  return !value.opaque && (value.storage == Storage::Arena || value.storage == Storage::Gradient);
}

void Frame::toHost(size_t op, const RunMemory& memory) {
  const auto& ids = plan_->viewValues();
  const size_t first = plan_->ops()[op].firstView;
  const auto count = static_cast<size_t>(calls_[op].inCount + calls_[op].outCount);
  for (size_t v = first; v < first + count; ++v)  // outputs too: some are added to
    if (isCopied(ids[v]))
      memory.queue->copyOut(hostViews_[v].data, views_[v].data, views_[v].bytes());
  memory.queue->synchronize();
}

void Frame::fromHost(size_t op, const RunMemory& memory) {
  const auto& ids = plan_->viewValues();
  const size_t first = plan_->ops()[op].firstView + static_cast<size_t>(calls_[op].inCount);
  for (size_t v = first; v < first + static_cast<size_t>(calls_[op].outCount); ++v)
    if (isCopied(ids[v]))
      memory.queue->copyIn(views_[v].data, hostViews_[v].data, views_[v].bytes());
}

void Frame::run(const RunMemory& memory, const RunContext& context) {
  locateIn(memory);
  place(memory, views_);
  if (!hostViews_.empty()) place(*memory.host, hostViews_);
  const uint64_t version = memory.snapshot ? memory.snapshot->version() : 0;
  const bool isPacked = version != 0 && version == packedOf_;
  packedOf_ = 0;
  for (size_t i = 0; i < calls_.size(); ++i) {
    const BoundOp& bound = plan_->ops()[i];
    const bool ofHost = memory.queue != nullptr && bound.backend->device() == nullptr;
    contexts_[i] = context;
    contexts_[i].rowFactor = bound.rowFactor;
    contexts_[i].rowOffset *= bound.rowFactor;
    contexts_[i].queue = memory.queue && !ofHost ? memory.queue->handle() : nullptr;
    contexts_[i].position = memory.position;
    calls_[i].context = &contexts_[i];
    if (ofHost) toHost(i, memory);
    prepare(i, ofHost ? *memory.host : memory, isPacked);
    // Of a pair, the second one starts both.
    if (bound.paired) continue;
    launch(i, memory);
    if (ofHost) fromHost(i, memory);
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
