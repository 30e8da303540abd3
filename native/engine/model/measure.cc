#include "engine/model/measure.h"

#include <algorithm>
#include <chrono>

#include "engine/core/random.h"
#include "engine/runtime/scheduler.h"

namespace sluice {
namespace {

constexpr double kSeconds = 0.1;
constexpr size_t kFewest = 3, kMost = 1000;  // runs

Buffer madeUp(const TensorView& view, uint64_t stream) {
  Buffer buffer(view.bytes());
  RandomSequence random(1, stream);
  const int64_t n = view.shape.elements();
  for (int64_t i = 0; i < n; ++i) {
    const double value = 2 * random.uniform() - 1;
    if (view.dtype == DType::Float32) buffer.as<float>()[i] = static_cast<float>(value);
    if (view.dtype == DType::Float64) buffer.as<double>()[i] = value;
    if (view.dtype == DType::Int32) buffer.as<int32_t>()[i] = 0;
    if (view.dtype == DType::Bool) buffer.as<uint8_t>()[i] = 1;
  }
  return buffer;
}

}  // namespace

MadeUpInputs::MadeUpInputs(const BoundPlan& plan, const Graph& graph, RunMemory& memory) {
  for (auto* list : {&memory.inputs, &memory.masks}) list->resize(graph.inputs.size());
  for (auto* list : {&memory.targets, &memory.weights, &memory.cotangents, &memory.scales})
    list->resize(graph.outputs.size());
  memory.penaltyScales.resize(kPenaltyKinds);
  memory.statesIn.resize(graph.states.size());
  const auto& values = plan.plan().values;
  for (size_t v = 0; v < values.size(); ++v)
    if (const auto list = RunMemory::listOf(values[v].storage);
        list != nullptr && values[v].viewOf == kNoValue) {
      buffers_.push_back(madeUp(plan.valueView(static_cast<ValueId>(v)), v));
      (memory.*list)[static_cast<size_t>(values[v].index)] = buffers_.back().data();
    }
}

std::vector<double> measureOps(const std::shared_ptr<const BoundPlan>& plan, const Graph& graph,
                               const Snapshot& weights, RunSite& site, const CancelToken* cancel) {
  const DType real = plan->plan().request.real;
  RunMemory memory;
  const MadeUpInputs inputs(*plan, graph, memory);
  Buffer gradients(plan->plan().request.backward ? weights.floats() * dtypeBytes(real) : 0,
                   "gradients", site.device());
  memory.snapshot = &weights;
  memory.cancel = cancel;
  RunContext context;
  context.threads = plan->threads();
  context.precision = plan->precision();
  context.cancel = cancel ? cancel->flag() : nullptr;

  Frame frame(plan, graph.parameters);
  const auto runOnce = [&] {
    memory.gradients = gradients.data();
    site.run(frame, memory, context);
    site.finish();
  };
  runOnce();  // packs weights, touches memory
  const size_t ops = plan->ops().size();
  std::vector<std::vector<double>> times(ops);
  std::vector<double> seconds(ops);
  memory.seconds = seconds.data();
  double total = 0;
  for (size_t run = 0; run < kMost && (run < kFewest || total < kSeconds); ++run) {
    Scheduler::instance().yieldToInference();
    runOnce();
    for (size_t i = 0; i < ops; ++i) times[i].push_back(seconds[i]);
    for (size_t i = 0; i < ops; ++i) total += plan->ops()[i].paired ? 0 : seconds[i];
  }
  for (size_t i = 0; i < ops; ++i) {
    const auto middle = times[i].begin() + static_cast<std::ptrdiff_t>(times[i].size() / 2);
    std::nth_element(times[i].begin(), middle, times[i].end());
    seconds[i] = *middle;
  }
  return seconds;
}

}  // namespace sluice
