// Runs in the host's memory.
#include <cstring>
#include <optional>

#include "engine/model/run_site.h"

namespace sluice {
namespace {

template <typename Real>
void addInto(void* sum, const void* part, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<Real*>(sum)[i] += static_cast<const Real*>(part)[i];
}

class HostSite final : public RunSite {
 public:
  explicit HostSite(PlanCache& cache) : cache_(cache) {}

  // Slices have an arena of their own each: a kernel may need more scratch for fewer rows.
  void run(Frame& frame, RunMemory& memory, const RunContext& context) override {
    arena_.reset();
    arena_.emplace(cache_, frame.bound().arenaBytes());
    memory.arena = arena_->data();
    memory.parameters = memory.snapshot->valuesAs(frame.bound().plan().request.real);
    frame.run(memory, context);
  }
  void perform(const std::vector<const void*>&, const RunContext& context,
               const Body& body) override {
    body(context);
  }

  TensorView value(const Frame& frame, ValueId id) override { return frame.value(id); }
  const void* read(const void* memory, size_t) override { return memory; }
  void write(void* memory, const void* from, size_t bytes) override {
    if (bytes > 0) std::memcpy(memory, from, bytes);
  }
  void clear(void* memory, size_t bytes) override {
    if (bytes > 0) std::memset(memory, 0, bytes);
  }
  void add(void* sum, const void* part, int64_t n, DType real) override {
    if (real == DType::Float64)
      addInto<double>(sum, part, n);
    else
      addInto<float>(sum, part, n);
  }
  const void* weights(const Snapshot& snapshot, DType real) override {
    return snapshot.valuesAs(real);
  }
  float* write(Snapshot& snapshot) override { return snapshot.write(); }

 private:
  PlanCache& cache_;
  std::optional<ArenaLease> arena_;
};

}  // namespace

std::unique_ptr<RunSite> makeHostSite(PlanCache& cache) {
  return std::make_unique<HostSite>(cache);
}

std::unique_ptr<RunSite> makeRunSite(PlanCache& cache, const Backend& backend) {
  return backend.device() ? makeDeviceSite(cache, backend) : makeHostSite(cache);
}

}  // namespace sluice
