// A plan with its symbols bound: every shape known, every op with its kernel, every arena value
// with its place. Immutable and shared; what runs it is a Frame.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/plan/packed.h"
#include "engine/plan/plan.h"

namespace sluice {

struct Extents {
  int64_t batch = 0;
  std::vector<int64_t> symbols;

  int64_t operator()(int64_t extent) const {
    if (!isSymbol(extent)) return extent;
    const int64_t n = symbolNumber(extent);
    return n < 0 ? batch : symbols[static_cast<size_t>(n)];
  }
  bool operator==(const Extents&) const = default;
};

struct BoundOp {
  const Kernel* kernel = nullptr;
  const Backend* backend = nullptr;
  size_t firstView = 0;  // of inputs, then outputs
  size_t scratchOffset = 0, scratchBytes = 0;
  PackedKey packed;  // of the form of its parameters that the kernel wants; no bytes: none
  // Where it is packed anew by each run, in the arena, as the weights are this run's.
  size_t ownPackedBytes = 0;
  size_t ownPackedOffset = 0;
  std::string fallback;   // why the device's own kernel does not run it
  bool paired = false;    // runs together with the one behind it
  int64_t rowFactor = 1;  // rows that one row of the batch is to it
};

class BoundPlan {
 public:
  // UNSUPPORTED where neither the device nor another backend of the host has a kernel, or with
  // `strict` where the device has none, or where it does not compute in this precision;
  // SHAPE_MISMATCH where two symbols must be equal and are not.
  BoundPlan(std::shared_ptr<const Plan> plan, Extents extents, const Backend& device, int threads,
            bool strict, Precision precision = Precision::Float32);

  const Plan& plan() const { return *plan_; }
  const Extents& extents() const { return extents_; }
  const Backend& device() const { return device_; }
  int threads() const { return threads_; }
  bool strict() const { return strict_; }
  Precision precision() const { return precision_; }
  // Whether ops run on the host while the tensors lie on a device.
  bool hasHostOps() const;
  const std::vector<BoundOp>& ops() const { return ops_; }
  const std::vector<TensorView>& views() const { return views_; }  // data unset
  const std::vector<ValueId>& viewValues() const { return viewValues_; }
  TensorView valueView(ValueId value) const { return values_[static_cast<size_t>(value)]; }
  size_t offset(ValueId value) const { return offsets_[static_cast<size_t>(value)]; }
  // What an op's kernel says of itself, and the bytes that it reads and writes at least.
  KernelChoice choice(size_t op) const;
  size_t bytes(size_t op) const;
  size_t arenaBytes() const { return arenaBytes_; }
  // Sums of losses, penalties and metrics, in this order, stand side by side at the arena's start.
  bool isSum(ValueId value) const { return isSum_[static_cast<size_t>(value)]; }
  size_t sumBytes() const { return sumBytes_; }
  // Those of losses and penalties.
  size_t lossBytes() const { return lossBytes_; }
  size_t packedBytes() const;

 private:
  void bindShapes();
  void chooseBackends();
  void chooseKernels();
  void pairUp();
  void placeSums();
  void placeInArena();
  OpCall call(size_t op, const RunContext& context) const;

  std::shared_ptr<const Plan> plan_;
  Extents extents_;
  const Backend& device_;
  int threads_;
  bool strict_;
  Precision precision_;
  std::vector<TensorView> values_;  // shape and dtype of each value
  std::vector<size_t> offsets_;
  std::vector<bool> isSum_;
  std::vector<BoundOp> ops_;
  std::vector<TensorView> views_;
  std::vector<ValueId> viewValues_;
  size_t arenaBytes_ = 0, sumBytes_ = 0, lossBytes_ = 0;
};

}  // namespace sluice
