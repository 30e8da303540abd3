#include "engine/model/trainer.h"

#include <algorithm>
#include <atomic>

#include "engine/core/memory.h"

namespace sluice {
namespace {

int slotCount(const OptimizerAttributes& optimizer) {
  switch (optimizer.kind) {
    case OptimizerKind::Sgd:
      return optimizer.momentum > 0 ? 1 : 0;
    case OptimizerKind::Rmsprop:
      return optimizer.momentum > 0 ? 2 : 1;
    case OptimizerKind::Adam:
    case OptimizerKind::AdamW:
      return 2;
  }
  return 0;
}

// Class numbers on the one side, a value for each value of the output on the other.
bool isSparse(LossKind kind) { return kind == LossKind::SparseCategoricalCrossentropy; }
bool isSparse(MetricKind kind) { return kind == MetricKind::SparseCategoricalAccuracy; }

}  // namespace

Trainer::Trainer(const Graph& graph, const Value& description, TrainingSpec spec)
    : spec_(std::move(spec)), floats_(static_cast<size_t>(graph.parameterFloats)) {
  if (spec_.losses.size() != graph.outputs.size() || spec_.metrics.size() != graph.outputs.size())
    fail(Code::InvalidArgument,
         cat("the model has ", graph.outputs.size(), " outputs, received ", spec_.losses.size(),
             " losses"),
         {.option = "loss",
          .expected = cat(graph.outputs.size()),
          .received = cat(spec_.losses.size())});
  for (size_t k = 0; k < spec_.losses.size(); ++k) {
    const std::string& name = graph.nodes[static_cast<size_t>(graph.outputs[k].node)].name;
    const bool sparse = isSparse(spec_.losses[k].loss.kind);
    for (const MetricAttributes& metric : spec_.metrics[k])
      if (isSparse(metric.kind) != sparse)
        fail(Code::Config,
             cat(name, ": the loss takes ", sparse ? "class numbers" : "values",
                 " as targets, a metric takes ", sparse ? "values" : "class numbers"),
             {.layer = name, .option = "metrics"});
    objectives_.push_back({spec_.losses[k].loss, spec_.metrics[k]});
  }
  readWritten(graph, description);
  const size_t bytes = floats_ * sizeof(float);
  const int slots = slotCount(spec_.optimizer);
  requireMemory(bytes * static_cast<size_t>(2 + slots), "the optimizer's state");
  for (int s = 0; s < slots; ++s) {
    grow(slots_[s], bytes, nullptr);
    std::fill_n(slots_[s].as<std::byte>(), bytes, std::byte{0});
  }
  bytes_ += bytes;  // the spare weights, which the first step makes
}

void Trainer::readWritten(const Graph& graph, const Value& description) {
  const auto read = [&](const Value& fragment, size_t output, const char* prefix) {
    if (fragment.isNull()) return ValueRef{};
    if (!graph_) {
      graph_ = std::make_unique<Graph>(Graph::parse(description));
      for (size_t p = 0; p < graph.parameters.size(); ++p)
        graph_->parameters[p].frozen = graph.parameters[p].frozen;
    }
    const ValueRef value = graph_->append(fragment, static_cast<int>(output), prefix);
    lossRows(*graph_, output, value);
    return value;
  };
  for (size_t k = 0; k < objectives_.size(); ++k) {
    objectives_[k].value = read(spec_.losses[k].graph, k, "loss.");
    if ((objectives_[k].value.node >= 0) != (objectives_[k].loss.kind == LossKind::Value))
      fail(Code::InvalidArgument, "a custom loss needs its graph, another one has none",
           {.option = "loss"});
    if (k >= spec_.metricGraphs.size()) continue;
    for (const Value& fragment : spec_.metricGraphs[k])
      objectives_[k].metricValues.push_back(read(fragment, k, "metric."));
  }
}

void Trainer::grow(Buffer& buffer, size_t bytes, const MemorySpace* space) {
  if (buffer.bytes() >= bytes && buffer.space() == space) return;
  const size_t before = buffer.bytes();
  buffer = Buffer();
  buffer = Buffer(bytes, "the optimizer's state", space);
  bytes_ += bytes - before;
}

void* Trainer::gradients(DType real, const Device* device) {
  grow(gradients_, floats_ * dtypeBytes(real), device);
  return gradients_.data();
}

void* Trainer::moreGradients(DType real, const Device* device) {
  grow(more_, floats_ * dtypeBytes(real), device);
  return more_.data();
}

OptimizerStep Trainer::nextStep(std::optional<double> learningRate, double lossScale) const {
  return {.learningRate = learningRate.value_or(spec_.optimizer.learningRate),
          .iteration = iterations_ + 1,
          .gradientScale = 1 / lossScale};
}

bool Trainer::wasSkipped(RunSite& site) {
  constexpr int64_t kUpdatesBeforeGrowth = 2000;
  constexpr double kLargest = 0x1p24, kSmallest = 2;  // 1 stands for no scaling
  const bool skipped = *static_cast<const int32_t*>(site.read(skipped_.data(), sizeof(int32_t)));
  if (skipped) {
    lossScale_ = std::max(kSmallest, lossScale_ / 2);
    goodUpdates_ = 0;
  } else if (++goodUpdates_ == kUpdatesBeforeGrowth) {
    lossScale_ = std::min(kLargest, lossScale_ * 2);
    goodUpdates_ = 0;
  }
  return skipped;
}

// What an optimizer has learned goes along when training goes on elsewhere.
void Trainer::bringSlots(RunSite& site) {
  for (Buffer& slots : slots_) {
    if (slots.bytes() == 0 || slots.space() == site.device()) continue;
    Buffer moved(slots.bytes(), "the optimizer's state", site.device());
    const auto* from = static_cast<const Device*>(slots.space());
    Buffer onHost(from ? slots.bytes() : 0);
    if (from != nullptr) {
      Queue queue(*from);
      queue.copyOut(onHost.data(), slots.data(), slots.bytes());
      queue.synchronize();
    }
    site.write(moved.data(), from ? onHost.data() : slots.data(), slots.bytes());
    slots = std::move(moved);
  }
}

const ParameterSegment* Trainer::writeSegments(const Graph& graph,
                                               const std::vector<bool>& hasGradient,
                                               RunSite& site) {
  std::vector<ParameterSegment> segments;
  for (size_t p = 0; p < graph.parameters.size(); ++p)
    segments.push_back({graph.parameters[p].offset, graph.parameters[p].shape.elements(),
                        hasGradient[p] && graph.parameters[p].trained()});
  const bool changed = segments != segments_;
  segments_ = std::move(segments);
  if (site.device() == nullptr) return nullptr;
  const size_t bytes = segments_.size() * sizeof(ParameterSegment);
  if (changed || segmentsOnDevice_.space() != site.device()) {
    grow(segmentsOnDevice_, bytes, site.device());
    site.write(segmentsOnDevice_.data(), segments_.data(), bytes);
  }
  return segmentsOnDevice_.as<ParameterSegment>();
}

std::shared_ptr<Snapshot> Trainer::update(const Graph& graph,
                                          const std::shared_ptr<Snapshot>& current, DType real,
                                          const std::vector<bool>& hasGradient,
                                          const OptimizerStep& step, const TensorView& guard,
                                          const Backend& backend, RunSite& site,
                                          const RunContext& context) {
  const auto n = static_cast<int64_t>(floats_);
  std::vector<float> narrowed;
  if (real == DType::Float64) narrowed.assign(gradients_.as<double>(), gradients_.as<double>() + n);
  float* gradients = real == DType::Float64 ? narrowed.data() : gradients_.as<float>();
  bringSlots(site);

  std::shared_ptr<Snapshot> next = std::move(spare_);
  if (next && next.use_count() == 1) {
    // Pairs with the release of the last reader's reference.
    std::atomic_thread_fence(std::memory_order_acquire);
    next->invalidatePacked();
  } else {
    next = std::make_shared<Snapshot>(floats_);
  }
  OptimizerAttributes attributes = spec_.optimizer;
  attributes.learningRate = step.learningRate;
  attributes.iteration = step.iteration;
  attributes.segmentsOnDevice = writeSegments(graph, hasGradient, site);
  attributes.stepOnDevice = site.optimizerStep();
  attributes.segments = segments_.data();
  attributes.segmentCount = static_cast<int64_t>(segments_.size());
  const auto flat = [n](const void* data) {
    return TensorView{const_cast<void*>(data), DType::Float32, data ? makeShape(n) : Shape{}};
  };
  const TensorView in[optimize::kInCount] = {flat(site.weights(*current, DType::Float32)),
                                             flat(gradients), guard};
  float* const updated = site.write(*next);
  TensorView out[optimize::kOutCount] = {flat(updated), flat(slots_[0].data()),
                                         flat(slots_[1].data())};
  if (step.gradientScale != 1) {
    grow(skipped_, sizeof(int32_t), site.device());
    out[optimize::kSkipped] = {skipped_.data(), DType::Int32, makeShape(1)};
  }
  const Kernel& kernel = requireKernel(backend, Op::Optimize);
  OpCall call{Op::Optimize, &attributes, in,      optimize::kInCount, out, optimize::kOutCount,
              nullptr,      nullptr,     &context};
  grow(scratch_, kernel.scratchBytes ? kernel.scratchBytes(call) : 0, site.device());
  call.scratch = scratch_.data();
  site.perform({this, in[0].data, in[1].data, in[2].data, out[0].data, out[1].data, out[2].data,
                out[3].data, call.scratch, attributes.segmentsOnDevice, attributes.stepOnDevice},
               context, [&](const RunContext& there) {
                 call.context = &there;
                 if (const int32_t status = kernel.launch(call); status != 0)
                   failLaunch(backend, status, "the optimizer's update failed");
                 constrain(graph, updated, backend, there);
               });
  return next;
}

void Trainer::constrain(const Graph& graph, float* weights, const Backend& backend,
                        const RunContext& context) const {
  for (size_t p = 0; p < graph.parameters.size(); ++p) {
    const Parameter& parameter = graph.parameters[p];
    if (parameter.constraint.kind == ConstraintKind::None || !segments_[p].trainable) continue;
    const TensorView out{weights + parameter.offset, DType::Float32, parameter.shape};
    const OpCall call{Op::Constrain, &parameter.constraint, nullptr, 0, &out, 1, nullptr, nullptr,
                      &context};
    if (const int32_t status = requireKernel(backend, Op::Constrain).launch(call); status != 0)
      failLaunch(backend, status, parameter.name + ": its constraint failed", parameter.layer);
  }
}

}  // namespace sluice
