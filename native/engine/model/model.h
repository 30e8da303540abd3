// A model: its graph, its weights in immutable snapshots, its plans and, once compiled, its
// optimizer. All methods may be called from any thread; `run` belongs on a thread of the scheduler.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/core/value.h"
#include "engine/graph/graph.h"
#include "engine/model/batch.h"
#include "engine/model/snapshot.h"
#include "engine/runtime/cancel.h"

namespace sluice {

enum class RunKind { Train, Evaluate, Predict, Gradients, Vjp };

struct RunOptions {
  std::string device = "cpu";
  Precision precision = Precision::Float32;
  const CancelToken* cancel = nullptr;
  std::shared_ptr<Snapshot> weights;  // null: the last published ones
  bool training = false;
  uint64_t seed = 0;
  uint64_t step = 0;
  int64_t microBatch = 0;              // Train: rows a slice, 0 for one piece
  std::optional<double> learningRate;  // Train: of this update, else that of compile
  bool requireFinite = false;
  bool strict = false;
  bool lowMemory = false;  // plans with a backward pass
};

struct NamedFloats {
  std::string name;
  std::vector<float> values;
};

struct RunResult {
  std::vector<double> sums;  // as binding.d.ts
  std::vector<NamedFloats> gradients;
  std::vector<std::optional<std::vector<float>>> inputGradients;
};

struct LossSpec {
  LossAttributes loss;
  double weight = 1;
  Value graph = {};  // of a loss that the user wrote; else null
};

struct TrainingSpec {
  std::vector<LossSpec> losses;                        // one an output
  std::vector<std::vector<MetricAttributes>> metrics;  // per output
  std::vector<std::vector<Value>> metricGraphs = {};   // likewise; may be shorter
  OptimizerAttributes optimizer;
};

struct CarriedState {
  std::string name;
  int64_t rows = 0;
  std::vector<float> values;
};

struct OpInfo {
  std::string layer, op, device, kernel, target, fallback;
  std::string beside;  // the layer whose op shares the threads with it; empty: none
  KernelChoice choice;
  size_t bytes = 0;    // read and written, at least
  double seconds = 0;  // measured, of the pair where there is one; 0: not
};
struct PlanInfo {
  std::vector<OpInfo> ops;
  size_t arenaBytes = 0, parameterBytes = 0, packedBytes = 0;
  int threads = 1;
};
struct MemoryEstimate {
  size_t needed = 0, available = 0;
};

class BoundPlan;
class PlanCache;
class Trainer;

// Which plan explain and measure are asked about.
struct PlanQuestion {
  RunKind kind;
  int64_t rows, steps;
  std::string device = "cpu";
  Precision precision = Precision::Float32;
  bool lowMemory = false;  // plans with a backward pass
  bool strict = false;     // UNSUPPORTED where an op takes a slower path
};

class Model {
 public:
  // Throws CONFIG, UNSUPPORTED, SHAPE_MISMATCH or OUT_OF_MEMORY naming the node.
  static std::shared_ptr<Model> create(const Value& description, uint64_t seed);
  ~Model();

  const Graph& graph() const { return graph_; }
  struct WeightUpdate {
    std::string name;
    const float* values = nullptr;
    size_t count = 0;
  };
  // All or none; BUSY while a training step is under way.
  void setWeights(const std::vector<WeightUpdate>& weights);
  void setTrainable(const std::string& layer, bool trainable);

  void compile(TrainingSpec spec);
  int64_t iterations() const;

  // On the calling thread, which must be one of the scheduler's (or a test's only one).
  RunResult run(RunKind kind, Batch& batch, const RunOptions& options);
  // Of one way forward, roughly: each weight meets each step of each row.
  double operations(const Batch& batch) const;

  MemoryEstimate estimate(RunKind kind, int64_t rows, int64_t steps) const;
  PlanInfo explain(const PlanQuestion& question) const;
  // The same after runs on made-up data, with the median time of each op. Changes nothing. Belongs
  // on a thread of the scheduler.
  PlanInfo measure(const PlanQuestion& question, const CancelToken* cancel) const;

  std::vector<CarriedState> carriedStates() const;
  void setCarriedStates(const std::vector<CarriedState>& states);
  void resetCarriedStates();

  // Bytes that live as long as the model, for the garbage collector's books.
  size_t residentBytes() const;

  // For runs and sessions.
  const Value& description() const { return description_; }
  PlanCache& plans() const { return *plans_; }
  // The last published weights, initialised at the first call.
  std::shared_ptr<Snapshot> currentWeights() const;
  std::shared_ptr<Trainer> trainer() const;
  void publish(std::shared_ptr<Snapshot> next);
  void storeCarried(std::vector<CarriedState> states);

 private:
  Model(const Value& description, uint64_t seed);
  // BUSY while a run that uses the optimizer, or any but predict, is under way.
  void requireIdle(const char* what) const;
  std::shared_ptr<const BoundPlan> boundFor(const PlanQuestion& question) const;
  PlanInfo describe(const BoundPlan& bound) const;

  const Value description_;
  Graph graph_;
  uint64_t seed_;
  mutable std::mutex initializing_;  // taken before mutex_
  mutable std::mutex mutex_;         // guards the members below
  mutable std::shared_ptr<Snapshot> weights_;
  std::vector<CarriedState> carried_;
  std::shared_ptr<Trainer> trainer_;
  bool trains_ = false;      // a training step is under way
  int compiledReaders_ = 0;  // evaluations, gradients and vjps under way
  std::unique_ptr<PlanCache> plans_;
};

}  // namespace sluice
