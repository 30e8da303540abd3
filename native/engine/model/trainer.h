// What compile adds to a model: losses, metrics, and the optimizer with its state.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/model/model.h"
#include "engine/model/run_site.h"
#include "engine/plan/plan.h"

namespace sluice {

class Trainer {
 public:
  // `description` is what the graph was parsed from.
  Trainer(const Graph& graph, const Value& description, TrainingSpec spec);

  const TrainingSpec& spec() const { return spec_; }
  const std::vector<OutputObjective>& objectives() const { return objectives_; }
  // The model's graph, with the losses behind it that the user wrote.
  const Graph& graphOr(const Graph& models) const { return graph_ ? *graph_ : models; }
  void setTrainable(const std::string& layer, bool trainable) {
    if (graph_) graph_->setTrainable(layer, trainable);
  }
  // These two may be called from any thread; the rest belongs to the run that trains.
  int64_t iterations() const { return iterations_.load(std::memory_order_relaxed); }
  size_t residentBytes() const { return bytes_.load(std::memory_order_relaxed); }

  // Flat gradients of one step, float or double, in this memory (null: the host's); contents
  // undefined.
  void* gradients(DType real, const Device* device);
  // Where further micro-batches are written before they are added.
  void* moreGradients(DType real, const Device* device);
  // Of the next update, with this learning rate or that of compile.
  OptimizerStep nextStep(std::optional<double> learningRate, double lossScale) const;
  // That update from `current` and gradients(): the new weights, not yet published. `guard`:
  // optimize::kGuard.
  std::shared_ptr<Snapshot> update(const Graph& graph, const std::shared_ptr<Snapshot>& current,
                                   DType real, const std::vector<bool>& hasGradient,
                                   const OptimizerStep& step, const TensorView& guard,
                                   const Backend& backend, RunSite& site,
                                   const RunContext& context);
  // It is published.
  void countUpdate() { ++iterations_; }

  // What losses are multiplied with before gradients are taken in float16, so that small ones do
  // not vanish: halved after an update with an infinite gradient, which is left out, doubled after
  // 2,000 others (Micikevicius et al., Mixed precision training, ICLR 2018).
  double lossScale() const { return lossScale_; }
  // Of the last update that was asked for with a scale: whether it was left out. After finish().
  bool wasSkipped(RunSite& site);
  // Weights that were published before and may be written again once nobody reads them.
  void recycle(std::shared_ptr<Snapshot> old) { spare_ = std::move(old); }

 private:
  // Brings the weights that were updated back to what their constraints allow.
  void constrain(const Graph& graph, float* weights, const Backend& backend,
                 const RunContext& context) const;
  // At least this many bytes in this memory, counted in bytes_.
  void grow(Buffer& buffer, size_t bytes, const MemorySpace* space);
  // The slots in the memory that the site works in, with what they hold.
  void bringSlots(RunSite& site);
  // The parameters that this update goes over; where the site's device reads them.
  const ParameterSegment* writeSegments(const Graph& graph, const std::vector<bool>& hasGradient,
                                        RunSite& site);

  // Parses the losses and metrics that the user wrote.
  void readWritten(const Graph& graph, const Value& description);

  TrainingSpec spec_;
  std::unique_ptr<Graph> graph_;
  std::vector<OutputObjective> objectives_;
  std::vector<ParameterSegment> segments_;
  size_t floats_;
  Buffer gradients_, more_, slots_[2], scratch_;
  Buffer segmentsOnDevice_, skipped_;
  double lossScale_ = 0x1p15;
  int64_t goodUpdates_ = 0;  // since the scale changed
  std::shared_ptr<Snapshot> spare_;
  std::atomic<int64_t> iterations_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace sluice
