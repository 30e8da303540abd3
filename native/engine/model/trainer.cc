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
  for (int s = 0; s < slots; ++s) grow(slots_[s], bytes);
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

void Trainer::grow(Buffer& buffer, size_t bytes) {
  if (buffer.bytes() >= bytes) return;
  const size_t before = buffer.bytes();
  buffer = Buffer(bytes);
  std::fill_n(buffer.as<std::byte>(), bytes, std::byte{0});
  bytes_ += bytes - before;
}

void* Trainer::gradients(DType real) {
  grow(gradients_, floats_ * dtypeBytes(real));
  return gradients_.data();
}

void* Trainer::moreGradients(DType real) {
  grow(more_, floats_ * dtypeBytes(real));
  return more_.data();
}

std::shared_ptr<Snapshot> Trainer::update(const Graph& graph,
                                          const std::shared_ptr<Snapshot>& current, DType real,
                                          const std::vector<bool>& hasGradient, double learningRate,
                                          const Backend& device, const RunContext& context) {
  const auto n = static_cast<int64_t>(floats_);
  std::vector<float> narrowed;
  if (real == DType::Float64) narrowed.assign(gradients_.as<double>(), gradients_.as<double>() + n);
  float* gradients = real == DType::Float64 ? narrowed.data() : gradients_.as<float>();
  segments_.clear();
  for (size_t p = 0; p < graph.parameters.size(); ++p)
    segments_.push_back({graph.parameters[p].offset, graph.parameters[p].shape.elements(),
                         hasGradient[p] && graph.parameters[p].trained()});

  std::shared_ptr<Snapshot> next = std::move(spare_);
  if (next && next.use_count() == 1) {
    // Pairs with the release of the last reader's reference.
    std::atomic_thread_fence(std::memory_order_acquire);
    next->invalidatePacked();
  } else {
    next = std::make_shared<Snapshot>(floats_);
  }
  OptimizerAttributes attributes = spec_.optimizer;
  attributes.learningRate = learningRate;
  attributes.iteration = iterations_ + 1;
  attributes.segments = segments_.data();
  attributes.segmentCount = static_cast<int64_t>(segments_.size());
  const auto flat = [n](void* data) {
    return TensorView{data, DType::Float32, data ? makeShape(n) : Shape{}};
  };
  const TensorView in[optimize::kInCount] = {flat(current->values()), flat(gradients)};
  const TensorView out[optimize::kOutCount] = {flat(next->values()), flat(slots_[0].data()),
                                               flat(slots_[1].data())};
  const Kernel& kernel = (*device.kernels(DType::Float32))[static_cast<size_t>(Op::Optimize)];
  OpCall call{Op::Optimize, &attributes, in,      optimize::kInCount, out, optimize::kOutCount,
              nullptr,      nullptr,     &context};
  const Buffer scratch(kernel.scratchBytes ? kernel.scratchBytes(call) : 0);
  call.scratch = const_cast<void*>(scratch.data());
  const int32_t status = kernel.launch(call);
  if (status != 0)
    fail(Code::Internal, "the optimizer's update failed: " + device.statusText(status));
  constrain(graph, *next, device, context);
  ++iterations_;
  return next;
}

void Trainer::constrain(const Graph& graph, Snapshot& weights, const Backend& device,
                        const RunContext& context) const {
  const Kernel& kernel = (*device.kernels(DType::Float32))[static_cast<size_t>(Op::Constrain)];
  for (size_t p = 0; p < graph.parameters.size(); ++p) {
    const Parameter& parameter = graph.parameters[p];
    if (parameter.constraint.kind == ConstraintKind::None || !segments_[p].trainable) continue;
    const TensorView out{weights.values() + parameter.offset, DType::Float32, parameter.shape};
    const OpCall call{Op::Constrain, &parameter.constraint, nullptr, 0, &out, 1, nullptr, nullptr,
                      &context};
    if (const int32_t status = kernel.launch(call); status != 0)
      fail(Code::Internal, parameter.name + ": its constraint failed: " + device.statusText(status),
           {.layer = parameter.layer});
  }
}

}  // namespace sluice
