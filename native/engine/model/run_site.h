// Where the memory of a run lies and how its frames run: on the host, or on a device with memory of
// its own.
#pragma once

#include <functional>
#include <memory>

#include "engine/model/batch.h"
#include "engine/model/plan_cache.h"
#include "engine/plan/frame.h"

namespace sluice {

class RunSite {
 public:
  virtual ~RunSite() = default;
  // Null: the host's memory.
  virtual const Device* device() const { return nullptr; }

  // Rows of this batch may be there already.
  virtual void expect(const Batch&) {}
  // Starts a frame. `memory` names memory of the host but for gradients, which lie at the site;
  // arena and parameters are the site's to fill in.
  virtual void run(Frame& frame, RunMemory& memory, const RunContext& context) = 0;
  // Does something with kernels at the site, such as an update of the weights: at once, or recorded
  // and replayed where the same comes again, which `key` tells: everything that it reads and
  // writes.
  using Body = std::function<void(const RunContext&)>;
  virtual void perform(const std::vector<const void*>& key, const RunContext& context,
                       const Body& body) = 0;
  // What the update after the next run reads; and where, after that run.
  virtual void expect(const OptimizerStep&) {}
  virtual const OptimizerStep* optimizerStep() const { return nullptr; }
  // Waits until all that was started is done.
  virtual void finish() {}

  // After finish(), where the host can read it, until the next of these calls or run.
  virtual TensorView value(const Frame& frame, ValueId id) = 0;
  virtual const void* read(const void* memory, size_t bytes) = 0;
  virtual void write(void* memory, const void* from, size_t bytes) = 0;
  virtual void clear(void* memory, size_t bytes) = 0;
  // sum += part, n elements each.
  virtual void add(void* sum, const void* part, int64_t n, DType real) = 0;
  // The weights at the site; and those of a snapshot that nobody else has yet, to be written.
  virtual const void* weights(const Snapshot& snapshot, DType real) = 0;
  virtual float* write(Snapshot& snapshot) = 0;
  // Of the last run: Float64, what a loss or a penalty is made of. Absent where the host looks at
  // them before it goes on.
  virtual TensorView guard() const { return {}; }
};

std::unique_ptr<RunSite> makeHostSite(PlanCache& cache);
std::unique_ptr<RunSite> makeDeviceSite(PlanCache& cache, const Backend& backend);
// The site of a backend's runs. `cache` outlives it.
std::unique_ptr<RunSite> makeRunSite(PlanCache& cache, const Backend& backend);

}  // namespace sluice
