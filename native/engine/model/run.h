// One call of Model::run: plan, memory, slices, results.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/model/model.h"
#include "engine/model/plan_cache.h"
#include "engine/model/run_inputs.h"
#include "engine/model/run_site.h"
#include "engine/model/trainer.h"

namespace sluice {

// The states of stateful layers during a run: read before, written back when the run succeeded.
class CarriedRun {
 public:
  CarriedRun(const Graph& graph, std::vector<CarriedState> before, int64_t rows, DType real);
  void bind(RunMemory& memory, int64_t first);
  void collect(RunSite& site, const Frame& frame, int64_t first);
  std::vector<CarriedState> take() { return std::move(after_); }

 private:
  std::vector<int> index_;  // per state of the graph: position in after_, or -1
  DType real_;
  std::vector<Buffer> before_;
  std::vector<CarriedState> after_;
};

class ModelRun {
 public:
  ModelRun(Model& model, RunKind kind, Batch& batch, const RunOptions& options);
  RunResult execute();

 private:
  bool is(RunKind kind) const { return kind_ == kind; }
  PlanRequest request() const;
  std::shared_ptr<const BoundPlan> boundFor(const PlanRequest& request, int64_t rows) const;
  RunContext contextFor(int64_t first) const;
  void prepare();
  // What a slice from `first` on reads.
  void bind(int64_t first);
  std::vector<double> denominators();
  void runSlice(int64_t first, int64_t rows);
  void collectSums(const Frame& frame);
  void clearUnwritten(const Plan& plan, void* gradients) const;
  // Weights after this step, not yet published.
  std::shared_ptr<Snapshot> update();
  void collectOutputs(const Frame& frame);
  void collectInputGradients(const Frame& frame);
  void unscale(std::vector<float>& gradient) const;
  void collectGradients();
  void collectNextParameters(const Frame& frame, int64_t rows);
  void writeNextParameters(Snapshot& next);
  void requireFinite() const;

  Model& model_;
  const Graph& graph_;
  RunKind kind_;
  Batch& batch_;
  const RunOptions& options_;
  const Backend& device_;
  DType real_;
  int threads_;
  std::shared_ptr<Trainer> trainer_;
  bool losses_;
  RunInputs inputs_;
  std::shared_ptr<Snapshot> weights_;
  CarriedRun carried_;
  int64_t slice_;
  std::shared_ptr<const BoundPlan> bound_;
  RunMemory memory_;
  Buffer ownGradients_;
  void* gradients_ = nullptr;
  double lossScale_ = 1;  // of everything that gradients start from
  std::vector<double> scales_;
  double penaltyScales_[kPenaltyKinds] = {};
  double penalty_ = 0;  // of the whole batch
  // Per parameter that a training step writes without the optimizer: the mean over its slices, each
  // counted by its rows.
  std::map<size_t, std::vector<double>> nextParameters_;
  std::shared_ptr<Snapshot> next_;  // made by the update
  RunResult result_;
  // Goes first: it waits for what may still work with the memory of the others.
  std::unique_ptr<RunSite> site_;
};

}  // namespace sluice
