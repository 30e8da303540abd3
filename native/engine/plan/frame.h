// Runs a bound plan on memory that its caller brings. A frame may be kept and run again: nothing is
// allocated by a run.
#pragma once

#include <functional>
#include <vector>

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

  // Where the values of a storage are named by their index; null for those in one piece.
  static std::vector<void*> RunMemory::*listOf(Storage storage);
};

class Frame {
 public:
  Frame(std::shared_ptr<const BoundPlan> plan, const std::vector<Parameter>& parameters);

  const BoundPlan& bound() const { return *plan_; }
  // Throws ABORTED when cancelled. Results lie in the arena until the next run; to find them there,
  // `memory` is looked at again.
  void run(const RunMemory& memory, const RunContext& context);
  // Where a value was in the last run.
  TensorView value(ValueId id) const;

 private:
  void* locate(ValueId id, const RunMemory& memory) const;

  std::shared_ptr<const BoundPlan> plan_;
  std::vector<size_t> parameterOffsets_;  // in bytes
  std::vector<TensorView> views_;
  std::vector<OpCall> calls_;
  std::vector<RunContext> contexts_;  // of the last run, one an op
  const RunMemory* last_ = nullptr;
  uint64_t packedOf_ = 0;  // the version of the weights whose packed forms `calls_` hold
};

}  // namespace sluice
