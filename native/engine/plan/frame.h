// Runs a bound plan on memory that its caller brings. A frame may be kept and run again: nothing is
// allocated by a run.
#pragma once

#include <functional>
#include <vector>

#include "engine/backend/device.h"
#include "engine/model/snapshot.h"
#include "engine/plan/bound.h"
#include "engine/runtime/cancel.h"

namespace sluice {

// Memory of a run, by the index of its storage. Real tensors have the plan's real type.
struct RunMemory {
  void* arena = nullptr;
  const void* parameters = nullptr;  // flat, at Parameter::offset
  void* gradients = nullptr;         // flat, likewise
  std::vector<void*> inputs, masks, targets, weights, cotangents, scales, penaltyScales, statesIn;
  // Holds packed forms of `parameters`.
  const Snapshot* snapshot = nullptr;
  const CancelToken* cancel = nullptr;
  bool yields = false;        // let waiting inference run between ops
  double* seconds = nullptr;  // of each op, to be filled in (of a pair, both's); null: not timed

  // Of a plan for a device with memory of its own, where all of the above lies: what runs it, the
  // position of the random numbers there, and, where the plan has ops of the host, the same memory
  // on the host.
  Queue* queue = nullptr;
  const RunPosition* position = nullptr;
  const RunMemory* host = nullptr;

  // Where the values of a storage are named by their index; null for those in one piece.
  static std::vector<void*> RunMemory::*listOf(Storage storage);
};

class Frame {
 public:
  Frame(std::shared_ptr<const BoundPlan> plan, const std::vector<Parameter>& parameters);

  const BoundPlan& bound() const { return *plan_; }
  const std::shared_ptr<const BoundPlan>& shared() const { return plan_; }
  // Throws ABORTED when cancelled. Results lie in the arena until the next run; to find them there,
  // `memory` is looked at again. On a device the work is in the queue then, not done.
  void run(const RunMemory& memory, const RunContext& context);
  // Where values are from now on.
  void locateIn(const RunMemory& memory) { last_ = &memory; }
  // Where a value was in the last run.
  TensorView value(ValueId id) const;

 private:
  void* locate(ValueId id, const RunMemory& memory) const;
  void place(const RunMemory& memory, std::vector<TensorView>& views) const;
  void prepare(size_t op, const RunMemory& memory, bool isPacked);
  void launch(size_t op, const RunMemory& memory);
  bool isCopied(ValueId id) const;
  // Of an op of the host in a device's plan: brings what it needs, and its results back.
  void toHost(size_t op, const RunMemory& memory);
  void fromHost(size_t op, const RunMemory& memory);

  std::shared_ptr<const BoundPlan> plan_;
  std::vector<size_t> parameterOffsets_;  // in bytes
  std::vector<TensorView> views_;
  std::vector<TensorView> hostViews_;  // of ops of the host
  std::vector<OpCall> calls_;
  std::vector<RunContext> contexts_;  // of the last run, one an op
  const RunMemory* last_ = nullptr;
  uint64_t packedOf_ = 0;  // the version of the weights whose packed forms `calls_` hold
};

}  // namespace sluice
