// What compile adds to a model: losses, metrics, and the optimizer with its state.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/model/model.h"
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

  // Flat gradients of one step, float or double; contents undefined.
  void* gradients(DType real);
  // Where further micro-batches are written before they are added.
  void* moreGradients(DType real);
  // One update from `current` and gradients(real): the new weights, not yet published.
  std::shared_ptr<Snapshot> update(const Graph& graph, const std::shared_ptr<Snapshot>& current,
                                   DType real, const std::vector<bool>& hasGradient,
                                   double learningRate, const Backend& device,
                                   const RunContext& context);
  // Weights that were published before and may be written again once nobody reads them.
  void recycle(std::shared_ptr<Snapshot> old) { spare_ = std::move(old); }

 private:
  // Brings the weights that were updated back to what their constraints allow.
  void constrain(const Graph& graph, Snapshot& weights, const Backend& device,
                 const RunContext& context) const;
  // Zeros of at least this many bytes, counted in bytes_.
  void grow(Buffer& buffer, size_t bytes);

  // Parses the losses and metrics that the user wrote.
  void readWritten(const Graph& graph, const Value& description);

  TrainingSpec spec_;
  std::unique_ptr<Graph> graph_;
  std::vector<OutputObjective> objectives_;
  std::vector<ParameterSegment> segments_;
  size_t floats_;
  Buffer gradients_, more_, slots_[2];
  std::shared_ptr<Snapshot> spare_;
  std::atomic<int64_t> iterations_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace sluice
