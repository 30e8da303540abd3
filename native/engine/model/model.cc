#include "engine/model/model.h"

#include <algorithm>

#include "engine/core/memory.h"
#include "engine/core/random.h"
#include "engine/model/measure.h"
#include "engine/model/plan_cache.h"
#include "engine/model/run.h"
#include "engine/model/run_site.h"
#include "engine/model/trainer.h"
#include "engine/runtime/threads.h"

namespace sluice {

std::shared_ptr<Model> Model::create(const Value& description, uint64_t seed) {
  return std::shared_ptr<Model>(new Model(description, seed));
}

Model::Model(const Value& description, uint64_t seed)
    : description_(description),
      graph_(Graph::parse(description)),
      seed_(seed),
      plans_(std::make_unique<PlanCache>()) {}

Model::~Model() = default;

std::shared_ptr<Snapshot> Model::currentWeights() const {
  const auto published = [this] {
    const std::lock_guard lock(mutex_);
    return weights_;
  };
  if (auto weights = published()) return weights;
  // At the first use, not at construction: a loaded model never needs it, and an orthogonal matrix
  // takes a while, during which others may ask for everything else.
  const std::lock_guard initializing(initializing_);
  if (auto weights = published()) return weights;
  auto fresh = std::make_shared<Snapshot>(static_cast<size_t>(graph_.parameterFloats));
  for (const Parameter& p : graph_.parameters)
    p.initializer.fill(fresh->write() + p.offset, p.shape, seed_, randomStream(p.name));
  const std::lock_guard lock(mutex_);
  weights_ = fresh;
  return fresh;
}

std::shared_ptr<Trainer> Model::trainer() const {
  const std::lock_guard lock(mutex_);
  return trainer_;
}

void Model::publish(std::shared_ptr<Snapshot> next) {
  const std::lock_guard lock(mutex_);
  weights_ = std::move(next);
}

void Model::requireIdle(const char* what) const {
  const std::lock_guard lock(mutex_);
  if (trains_ || compiledReaders_ > 0)
    fail(Code::Busy, cat(what, " while a training, evaluation or gradient call is under way"),
         {.option = what});
}

void Model::setWeights(const std::vector<WeightUpdate>& weights) {
  {
    const std::lock_guard lock(mutex_);
    if (trains_) fail(Code::Busy, "setWeights while a training step is under way");
  }
  for (const WeightUpdate& update : weights) {
    const int p = graph_.findParameter(update.name);
    if (p < 0)
      fail(Code::InvalidArgument, cat("there is no weight '", update.name, "'"),
           {.received = update.name});
    const Shape& shape = graph_.parameters[static_cast<size_t>(p)].shape;
    if (static_cast<int64_t>(update.count) != shape.elements())
      fail(Code::ShapeMismatch,
           cat(update.name, " is ", toString(shape), ", received ", update.count, " elements"),
           {.layer = graph_.parameters[static_cast<size_t>(p)].layer,
            .expected = toString(shape),
            .received = cat(update.count)});
  }
  const auto current = currentWeights();
  auto next = std::make_shared<Snapshot>(current->floats());
  float* const values = next->write();
  std::copy_n(current->values(), current->floats(), values);
  for (const WeightUpdate& update : weights)
    std::copy_n(
        update.values, update.count,
        values + graph_.parameters[static_cast<size_t>(graph_.findParameter(update.name))].offset);
  publish(std::move(next));
}

void Model::setTrainable(const std::string& layer, bool trainable) {
  requireIdle("setTrainable");
  const auto current = trainer();
  plans_->change([&] {
    graph_.setTrainable(layer, trainable);
    if (current) current->setTrainable(layer, trainable);
  });
}

void Model::compile(TrainingSpec spec) {
  requireIdle("compile");
  auto trainer = std::make_shared<Trainer>(graph_, description_, std::move(spec));
  plans_->change([&] {
    const std::lock_guard lock(mutex_);
    trainer_ = std::move(trainer);
  });
}

int64_t Model::iterations() const {
  const auto current = trainer();
  return current ? current->iterations() : 0;
}

RunResult Model::run(RunKind kind, Batch& batch, const RunOptions& options) {
  // Counts the run for requireIdle; a second training step is refused.
  struct Claim {
    Model& model;
    RunKind kind;
    Claim(Model& m, RunKind k) : model(m), kind(k) {
      const std::lock_guard lock(model.mutex_);
      if (kind == RunKind::Train) {
        if (model.trains_) fail(Code::Busy, "another training step of this model is under way");
        model.trains_ = true;
      } else if (kind != RunKind::Predict) {
        ++model.compiledReaders_;
      }
    }
    ~Claim() {
      const std::lock_guard lock(model.mutex_);
      if (kind == RunKind::Train)
        model.trains_ = false;
      else if (kind != RunKind::Predict)
        --model.compiledReaders_;
    }
  } claim(*this, kind);
  return ModelRun(*this, kind, batch, options).execute();
}

double Model::operations(const Batch& batch) const {
  double steps = 1;
  for (const SlotSpec& slot : batch.slots()) {
    if (slot.role != SlotRole::Input || slot.rowShape.rank < 1) continue;
    double positions = 1;
    const int vector = slot.dtype == DType::Int32 ? 0 : 1;  // ids stand for vectors
    for (int i = 0; i + vector < slot.rowShape.rank; ++i)
      positions *= static_cast<double>(slot.rowShape[i]);
    steps = std::max(steps, positions);
  }
  int64_t floats = graph_.parameterFloats;
  for (const Node& node : graph_.nodes)
    for (const int p : node.parameters)  // of a table, each step reads one row
      if (node.ids > 0 && !node.shared())
        floats -= graph_.parameters[static_cast<size_t>(p)].shape.elements();
  return 2.0 * static_cast<double>(std::max<int64_t>(0, floats)) *
         static_cast<double>(batch.rows()) * steps;
}

std::shared_ptr<const BoundPlan> Model::boundFor(const PlanQuestion& question) const {
  PlanRequest request;
  request.real = question.device == "reference" ? DType::Float64 : DType::Float32;
  request.training = question.kind == RunKind::Train;
  request.backward = question.kind == RunKind::Train;
  request.lowMemory = request.backward && question.lowMemory;
  const auto current = trainer();
  request.losses = current != nullptr && question.kind != RunKind::Predict;
  // Without losses, gradients start from cotangents: the same operations but the loss.
  request.cotangents = request.backward && !request.losses;
  const Extents extents{question.rows, graph_.symbolsAt(question.steps)};
  const std::vector<OutputObjective> none;
  return plans_->bound(request.losses ? current->graphOr(graph_) : graph_, request,
                       request.losses ? current->objectives() : none, extents,
                       BackendRegistry::instance().require(question.device), threadInfo().count,
                       question.strict, question.precision);
}

MemoryEstimate Model::estimate(RunKind kind, int64_t rows, int64_t steps) const {
  const auto bound = boundFor({kind, rows, steps});
  const auto weights = static_cast<size_t>(graph_.parameterFloats) * sizeof(float);
  // Training holds two snapshots, gradients and at most two slots.
  return {bound->arenaBytes() + bound->packedBytes() + weights * (kind == RunKind::Train ? 5 : 1),
          availableMemory()};
}

PlanInfo Model::describe(const BoundPlan& bound) const {
  PlanInfo info;
  const auto layerOf = [&](size_t i) { return bound.plan().ops[i].layer; };
  for (size_t i = 0; i < bound.ops().size(); ++i) {
    const BoundOp& op = bound.ops()[i];
    info.ops.push_back({.layer = layerOf(i),
                        .op = opName(bound.plan().ops[i].op),
                        .device = op.backend->name(),
                        .kernel = op.kernel->name,
                        .target = op.backend->target(),
                        .fallback = op.fallback,
                        .beside = op.paired                            ? layerOf(i + 1)
                                  : i > 0 && bound.ops()[i - 1].paired ? layerOf(i - 1)
                                                                       : "",
                        .choice = bound.choice(i),
                        .bytes = bound.bytes(i)});
  }
  info.arenaBytes = bound.arenaBytes();
  info.parameterBytes = static_cast<size_t>(graph_.parameterFloats) * sizeof(float);
  info.packedBytes = bound.packedBytes();
  info.threads = bound.threads();
  return info;
}

PlanInfo Model::explain(const PlanQuestion& question) const {
  return describe(*boundFor(question));
}

PlanInfo Model::measure(const PlanQuestion& question, const CancelToken* cancel) const {
  const auto bound = boundFor(question);
  const auto site = makeRunSite(*plans_, bound->device());
  const std::vector<double> seconds = measureOps(bound, graph_, *currentWeights(), *site, cancel);
  PlanInfo info = describe(*bound);
  for (size_t i = 0; i < info.ops.size(); ++i) info.ops[i].seconds = seconds[i];
  return info;
}

std::vector<CarriedState> Model::carriedStates() const {
  const std::lock_guard lock(mutex_);
  return carried_;
}

void Model::storeCarried(std::vector<CarriedState> states) {
  const std::lock_guard lock(mutex_);
  carried_ = std::move(states);
}

void Model::setCarriedStates(const std::vector<CarriedState>& states) {
  for (const CarriedState& given : states) {
    const auto found =
        std::find_if(graph_.states.begin(), graph_.states.end(),
                     [&](const State& s) { return s.carried && s.name == given.name; });
    if (found == graph_.states.end())
      fail(Code::InvalidArgument, cat("there is no carried state '", given.name, "'"),
           {.received = given.name});
    if (given.rows < 0 || static_cast<int64_t>(given.values.size()) != given.rows * found->size)
      fail(Code::ShapeMismatch,
           cat(given.name, ": ", given.rows, " rows of ", found->size, " need ",
               given.rows * found->size, " elements, received ", given.values.size()),
           {.layer = found->layer, .received = cat(given.values.size())});
  }
  const std::lock_guard lock(mutex_);
  for (const CarriedState& given : states) {
    const auto old = std::find_if(carried_.begin(), carried_.end(),
                                  [&](const CarriedState& s) { return s.name == given.name; });
    if (old == carried_.end())
      carried_.push_back(given);
    else
      *old = given;
  }
}

void Model::resetCarriedStates() { storeCarried({}); }

size_t Model::residentBytes() const {
  const auto current = trainer();
  // Before the lock: compile takes the plans' lock first and then this one.
  const size_t arenas = plans_->residentBytes();
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(graph_.parameterFloats) * sizeof(float) +
         (weights_ ? weights_->packedBytes() : 0) + (current ? current->residentBytes() : 0) +
         arenas;
}

}  // namespace sluice
