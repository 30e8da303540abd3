// Writes a plan: the forward pass in topological order, losses, the backward pass in reverse.
#pragma once

#include <map>
#include <vector>

#include "engine/plan/plan.h"

namespace sluice {

class PlanBuilder {
 public:
  PlanBuilder(const Graph& graph, const PlanRequest& request);

  Plan build(const std::vector<OutputObjective>& objectives);

 private:
  class Context;  // a NodeContext for one node
  struct NodeValues {
    std::vector<ValueId> outputs;
    std::vector<ValueId> masks;      // per output
    std::vector<ValueId> gradients;  // per output
    std::vector<ValueId> saved;
  };

  ValueId add(const Shape& shape, DType dtype, Storage storage, int index);
  int64_t product(int64_t a, int64_t b);
  ValueId view(ValueId value, const Shape& shape);
  // The value of a kind of external memory, created once.
  ValueId external(Storage storage, int index, const Shape& shape, DType dtype);
  void emit(PlanOp op) { plan_.ops.push_back(std::move(op)); }
  void emitFirst(PlanOp op) {
    plan_.ops.insert(plan_.ops.begin() + static_cast<std::ptrdiff_t>(firstOps_++), std::move(op));
  }
  NodeValues& values(int node) { return nodes_[static_cast<size_t>(node)]; }
  void forward(int node);
  // Drops the outputs and every op that their masks do not need.
  void keepMasksOnly();
  void addLosses(const std::vector<OutputObjective>& objectives);
  // What a loss that users write reads: targets, and predictions, whose gradient comes back.
  void standForOutput(int node);
  ValueId target(size_t output, bool sparse);
  ValueId weight(size_t output);
  // x, shaped as an output, with zeros in the rows of the loss that do not count.
  ValueId keepRows(ValueId x, size_t output, const std::string& layer);
  // The sums of the values of such a loss; of a loss the gradients flow on.
  void addValues(size_t output, ValueRef value, ValueId sums, bool isLoss);
  void addCotangents();
  // Once the gradients of the weights are there.
  void penalizeWeights();
  ValueId newPenaltySum();
  ValueId penaltyScale(PenaltyOf of) {
    return external(Storage::PenaltyScale, of, makeShape(1), DType::Float64);
  }
  void backward(int node);
  // Adds a contribution to the gradient of a graph value.
  void contribute(ValueRef ref, ValueId gradient, const std::string& layer);
  // Which nodes lie between something that wants a gradient and the outputs.
  void markWanted();

  const Graph& graph_;
  PlanRequest request_;
  Plan plan_;
  size_t firstOps_ = 0;  // that emitFirst put there
  std::vector<NodeValues> nodes_;
  std::vector<bool> wanted_;  // per node: a gradient of its outputs is of use
  std::map<std::pair<Storage, int>, ValueId> externals_;
};

}  // namespace sluice
