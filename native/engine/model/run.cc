#include "engine/model/run.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "engine/runtime/scheduler.h"

namespace sluice {
namespace {

void copyToFloats(const TensorView& from, float* to) {
  const auto n = static_cast<size_t>(from.shape.elements());
  if (from.dtype == DType::Float64)
    std::copy_n(from.as<double>(), n, to);
  else
    std::copy_n(from.as<float>(), n, to);
}

bool hasLosses(RunKind kind) {
  return kind == RunKind::Train || kind == RunKind::Evaluate || kind == RunKind::Gradients;
}
bool hasOutputs(RunKind kind) { return kind == RunKind::Predict || kind == RunKind::Vjp; }

}  // namespace

CarriedRun::CarriedRun(const Graph& graph, std::vector<CarriedState> before, int64_t rows,
                       DType real)
    : real_(real) {
  for (const State& state : graph.states) {
    index_.push_back(state.carried ? static_cast<int>(after_.size()) : -1);
    if (!state.carried) continue;
    const auto n = static_cast<size_t>(rows * state.size);
    CarriedState next{state.name, rows, std::vector<float>(n)};
    for (CarriedState& old : before) {
      if (old.name != state.name) continue;
      if (old.rows != rows)
        fail(Code::InvalidArgument,
             cat(state.layer, ": the layer is stateful and carries the states of ", old.rows,
                 " rows, the batch has ", rows, "; keep the batch size or call resetStates()"),
             {.layer = state.layer, .expected = cat(old.rows), .received = cat(rows)});
      next.values = std::move(old.values);
    }
    before_.emplace_back(n * dtypeBytes(real));
    if (real == DType::Float64)
      std::copy(next.values.begin(), next.values.end(), before_.back().as<double>());
    else
      std::copy(next.values.begin(), next.values.end(), before_.back().as<float>());
    after_.push_back(std::move(next));
  }
}

void CarriedRun::bind(RunMemory& memory, int64_t first) {
  memory.statesIn.clear();
  for (const int i : index_) {
    if (i < 0) {
      memory.statesIn.push_back(nullptr);
      continue;
    }
    const CarriedState& state = after_[static_cast<size_t>(i)];
    const size_t size = state.rows > 0 ? state.values.size() / static_cast<size_t>(state.rows) : 0;
    memory.statesIn.push_back(before_[static_cast<size_t>(i)].as<std::byte>() +
                              static_cast<size_t>(first) * size * dtypeBytes(real_));
  }
}

void CarriedRun::collect(RunSite& site, const Frame& frame, int64_t first) {
  for (size_t s = 0; s < index_.size(); ++s) {
    if (index_[s] < 0) continue;
    CarriedState& state = after_[static_cast<size_t>(index_[s])];
    const TensorView view = site.value(frame, frame.bound().plan().statesOut[s]);
    copyToFloats(view, state.values.data() + first * view.shape.last());
  }
}

ModelRun::ModelRun(Model& model, RunKind kind, Batch& batch, const RunOptions& options)
    : model_(model),
      graph_(model.graph()),
      kind_(kind),
      batch_(batch),
      options_(options),
      device_(BackendRegistry::instance().require(options.device)),
      // The oracle computes in double.
      real_(options.device == "reference" ? DType::Float64 : DType::Float32),
      threads_(Scheduler::instance().threads()),
      trainer_(model.trainer()),
      losses_(hasLosses(kind)),
      inputs_(graph_, batch, real_),
      weights_(options.weights ? options.weights : model.currentWeights()),
      carried_(graph_, model.carriedStates(), batch.rows(), real_),
      slice_(std::max<int64_t>(1, batch.rows())),
      site_(makeRunSite(model.plans(), device_)) {
  if (losses_ && !trainer_)
    fail(Code::InvalidArgument,
         "the model is not compiled: call compile({ optimizer, loss }) first");
  if (losses_) checkObjectives(graph_, batch, trainer_->spec());
  if (is(RunKind::Vjp))
    for (size_t k = 0; k < graph_.outputs.size(); ++k)
      if (batch.find(SlotRole::Cotangent, static_cast<int>(k)) < 0)
        fail(Code::InvalidArgument, cat("the gradient of output ", k, " is missing"));
  if (is(RunKind::Train) && options.microBatch > 0) slice_ = std::min(slice_, options.microBatch);
  if (options.cancel) options.cancel->check();
}

PlanRequest ModelRun::request() const {
  PlanRequest request;
  request.real = real_;
  request.training = is(RunKind::Train) || options_.training;
  request.losses = losses_;
  request.backward = is(RunKind::Train) || is(RunKind::Gradients) || is(RunKind::Vjp);
  request.lowMemory = request.backward && options_.lowMemory;
  request.cotangents = is(RunKind::Vjp);
  request.inputGradients = is(RunKind::Gradients) || is(RunKind::Vjp);
  request.maskedInputs = inputs_.maskedInputs();
  request.weightedOutputs = losses_ ? inputs_.weightedOutputs() : 0;
  request.stepWeights = losses_ ? inputs_.stepWeights() : 0;
  return request;
}

std::shared_ptr<const BoundPlan> ModelRun::boundFor(const PlanRequest& request,
                                                    int64_t rows) const {
  const std::vector<OutputObjective> none;
  return model_.plans().bound(request.losses ? trainer_->graphOr(graph_) : graph_, request,
                              request.losses ? trainer_->objectives() : none,
                              {rows, batch_.symbols()}, device_, threads_, options_.strict,
                              options_.precision);
}

// What all slices share.
void ModelRun::prepare() {
  bound_ = boundFor(request(), std::min(slice_, batch_.rows()));
  memory_.snapshot = weights_.get();
  memory_.cancel = options_.cancel;
  memory_.yields = !is(RunKind::Predict);

  const Plan& plan = bound_->plan();
  if (is(RunKind::Train)) {
    gradients_ = trainer_->gradients(real_, site_->device());
  } else if (plan.request.backward) {
    ownGradients_ = Buffer(weights_->floats() * dtypeBytes(real_), "gradients", site_->device());
    gradients_ = ownGradients_.data();
  }
  if (plan.request.backward && losses_ && options_.precision == Precision::Float16)
    lossScale_ = trainer_->lossScale();
  size_t sums = 0;
  scales_.assign(graph_.outputs.size(), 1.0);
  const std::vector<double> denominators = losses_ ? this->denominators() : std::vector<double>();
  for (size_t k = 0; k < graph_.outputs.size(); ++k) {
    memory_.scales.push_back(&scales_[k]);
    if (!losses_) continue;
    sums += 2 + 2 * trainer_->objectives()[k].metrics.size();
    if (denominators[k] > 0)
      scales_[k] = lossScale_ * trainer_->spec().losses[k].weight / denominators[k];
    else
      scales_[k] = 0;
  }
  if (losses_) sums += 2;
  result_.sums.assign(sums, 0.0);
  for (double& scale : penaltyScales_) memory_.penaltyScales.push_back(&scale);
  penaltyScales_[kActivityPenalty] =
      batch_.rows() > 0 ? lossScale_ / static_cast<double>(batch_.rows()) : 0;
}

void ModelRun::bind(int64_t first) {
  inputs_.bind(memory_, first);
  carried_.bind(memory_, first);
}

// Per output: Σ w over the rows of its loss in the whole batch. Masks may be computed in the graph:
// a plan of what they are made of tells them beforehand.
std::vector<double> ModelRun::denominators() {
  const Plan& plan = bound_->plan();
  const bool masked = std::any_of(plan.outputMasks.begin(), plan.outputMasks.end(),
                                  [](ValueId mask) { return mask != kNoValue; });
  PlanRequest masks;
  masks.real = real_;
  masks.training = plan.request.training;
  masks.maskedInputs = plan.request.maskedInputs;
  masks.masksOnly = true;
  std::vector<double> sums(graph_.outputs.size(), 0.0);
  const int64_t step = masked ? slice_ : std::max<int64_t>(1, batch_.rows());
  for (int64_t first = 0; first < batch_.rows(); first += step) {
    const int64_t rows = std::min(step, batch_.rows() - first);
    std::shared_ptr<const BoundPlan> bound;
    std::optional<Frame> frame;
    if (masked) {
      bound = boundFor(masks, rows);
      frame.emplace(bound, graph_.parameters);
      bind(first);
      site_->run(*frame, memory_, contextFor(first));
      site_->finish();
    }
    for (size_t k = 0; k < sums.size(); ++k) {
      const ValueId mask = masked ? bound->plan().outputMasks[k] : kNoValue;
      sums[k] += inputs_.denominator(
          plan, k, first, rows,
          mask == kNoValue ? nullptr : site_->value(*frame, mask).as<uint8_t>());
    }
  }
  return sums;
}

RunContext ModelRun::contextFor(int64_t first) const {
  RunContext context;
  context.seed = options_.seed;
  context.step = options_.step;
  context.rowOffset = first;
  context.threads = threads_;
  context.precision = options_.precision;
  context.cancel = options_.cancel ? options_.cancel->flag() : nullptr;
  return context;
}

RunResult ModelRun::execute() {
  batch_.outputs.clear();
  site_->expect(batch_);
  prepare();
  for (int64_t first = 0; first == 0 || first < batch_.rows(); first += slice_)
    runSlice(first, std::min(slice_, batch_.rows() - first));
  if (losses_) {
    const auto rows = static_cast<double>(batch_.rows());
    result_.sums.end()[-2] = rows * penalty_;
    result_.sums.end()[-1] = rows;
    if (options_.requireFinite) requireFinite();
  }
  if (is(RunKind::Train)) {
    if (!next_) next_ = update();
    if (lossScale_ == 1 || !trainer_->wasSkipped(*site_)) {
      writeNextParameters(*next_);
      trainer_->countUpdate();
      model_.publish(std::move(next_));
      trainer_->recycle(std::move(weights_));
    } else {
      trainer_->recycle(std::move(next_));
    }
  } else if (bound_->plan().request.backward) {
    collectGradients();
  }
  if (is(RunKind::Train) || is(RunKind::Predict) || is(RunKind::Evaluate))
    model_.storeCarried(carried_.take());
  return std::move(result_);
}

void ModelRun::runSlice(int64_t first, int64_t rows) {
  if (bound_->extents().batch != rows) bound_ = boundFor(request(), rows);
  const Plan& plan = bound_->plan();
  Frame frame(bound_, graph_.parameters);
  bind(first);
  void* const gradients = first == 0 ? gradients_ : trainer_->moreGradients(real_, site_->device());
  memory_.gradients = gradients;
  if (plan.request.backward) clearUnwritten(plan, gradients);
  penaltyScales_[kWeightPenalty] = first == 0 ? lossScale_ : 0;
  if (is(RunKind::Train)) site_->expect(trainer_->nextStep(options_.learningRate, lossScale_));
  site_->run(frame, memory_, contextFor(first));
  if (first > 0) site_->add(gradients_, gradients, static_cast<int64_t>(weights_->floats()), real_);
  // A device goes on to the update before the host has seen the losses: it looks at them itself.
  if (is(RunKind::Train) && site_->device() && first + rows == batch_.rows()) next_ = update();
  // While a device works, this thread can.
  if (memory_.yields && site_->device()) Scheduler::instance().yieldToInference();
  site_->finish();

  collectSums(frame);
  if (options_.requireFinite && losses_ && first + rows < batch_.rows()) requireFinite();
  if (is(RunKind::Train)) collectNextParameters(frame, rows);
  carried_.collect(*site_, frame, first);
  if (hasOutputs(kind_)) collectOutputs(frame);
  if (plan.request.inputGradients) collectInputGradients(frame);
}

std::shared_ptr<Snapshot> ModelRun::update() {
  return trainer_->update(graph_, weights_, real_, bound_->plan().parameterHasGradient,
                          trainer_->nextStep(options_.learningRate, lossScale_),
                          options_.requireFinite ? site_->guard() : TensorView{}, device_, *site_,
                          contextFor(0));
}

void ModelRun::collectSums(const Frame& frame) {
  const Plan& plan = frame.bound().plan();
  size_t position = 0;
  const auto addSums = [&](ValueId id) {
    const double* two = site_->value(frame, id).as<double>();
    result_.sums[position++] += two[0];
    result_.sums[position++] += two[1];
  };
  for (size_t k = 0; losses_ && k < graph_.outputs.size(); ++k) {
    addSums(plan.lossSums[k]);
    for (const ValueId metric : plan.metricSums[k]) addSums(metric);
  }
  for (const ValueId id : plan.penaltySums)
    penalty_ += *site_->value(frame, id).as<double>() / lossScale_;
}

// A parameter that no gradient reaches has a gradient of zero.
void ModelRun::clearUnwritten(const Plan& plan, void* gradients) const {
  const size_t size = dtypeBytes(real_);
  for (size_t p = 0; p < graph_.parameters.size(); ++p)
    if (!plan.parameterHasGradient[p])
      site_->clear(static_cast<std::byte*>(gradients) +
                       static_cast<size_t>(graph_.parameters[p].offset) * size,
                   static_cast<size_t>(graph_.parameters[p].shape.elements()) * size);
}

void ModelRun::collectOutputs(const Frame& frame) {
  for (const ValueId id : frame.bound().plan().outputs) {
    const TensorView view = site_->value(frame, id);
    batch_.outputs.push_back({view.shape, DType::Float32,
                              Buffer(static_cast<size_t>(view.shape.elements()) * sizeof(float))});
    copyToFloats(view, batch_.outputs.back().buffer.as<float>());
  }
}

void ModelRun::collectInputGradients(const Frame& frame) {
  const Plan& plan = frame.bound().plan();
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    result_.inputGradients.emplace_back();
    const TensorView input =
        batch_.view(static_cast<size_t>(batch_.find(SlotRole::Input, static_cast<int>(i))));
    if (input.dtype != DType::Float32) continue;
    auto& gradient =
        result_.inputGradients.back().emplace(static_cast<size_t>(input.shape.elements()), 0.0f);
    if (plan.inputGradients[i] == kNoValue) continue;
    copyToFloats(site_->value(frame, plan.inputGradients[i]), gradient.data());
    inputs_.clearMasked(static_cast<int>(i), gradient);
    unscale(gradient);
  }
}

void ModelRun::unscale(std::vector<float>& gradient) const {
  if (lossScale_ == 1) return;
  for (float& value : gradient) value *= static_cast<float>(1 / lossScale_);
}

void ModelRun::collectGradients() {
  const auto* all = static_cast<const std::byte*>(
      site_->read(gradients_, weights_->floats() * dtypeBytes(real_)));
  for (const Parameter& p : graph_.parameters) {
    if (!p.trained()) continue;
    NamedFloats named{p.name, std::vector<float>(static_cast<size_t>(p.shape.elements()))};
    const std::byte* at = all + static_cast<size_t>(p.offset) * dtypeBytes(real_);
    copyToFloats({const_cast<std::byte*>(at), real_, p.shape}, named.values.data());
    unscale(named.values);
    result_.gradients.push_back(std::move(named));
  }
}

void ModelRun::collectNextParameters(const Frame& frame, int64_t rows) {
  if (rows == 0) return;  // there is nothing to learn from
  const std::vector<ValueId>& next = frame.bound().plan().nextParameters;
  for (size_t p = 0; p < next.size(); ++p) {
    if (next[p] == kNoValue) continue;
    const TensorView value = site_->value(frame, next[p]);
    std::vector<double>& mean = nextParameters_[p];
    mean.resize(static_cast<size_t>(value.shape.elements()));
    const double share = static_cast<double>(rows) / static_cast<double>(batch_.rows());
    for (size_t i = 0; i < mean.size(); ++i)
      mean[i] += share * (real_ == DType::Float64 ? value.as<double>()[i]
                                                  : static_cast<double>(value.as<float>()[i]));
  }
}

void ModelRun::writeNextParameters(Snapshot& next) {
  if (nextParameters_.empty()) return;
  float* const values = site_->write(next);
  for (const auto& [p, mean] : nextParameters_) {
    const std::vector<float> rounded(mean.begin(), mean.end());
    site_->write(values + graph_.parameters[p].offset, rounded.data(),
                 rounded.size() * sizeof(float));
  }
}

void ModelRun::requireFinite() const {
  size_t position = 0;
  for (size_t k = 0; k < graph_.outputs.size(); ++k) {
    const std::string& name = graph_.nodes[static_cast<size_t>(graph_.outputs[k].node)].name;
    if (!std::isfinite(result_.sums[position]))
      fail(Code::NonFinite, cat("the loss of output ", name, " is ", result_.sums[position]),
           {.layer = name, .received = cat(result_.sums[position])});
    position += 2 + 2 * trainer_->objectives()[k].metrics.size();
  }
  if (!std::isfinite(penalty_))
    fail(Code::NonFinite, cat("the penalty of the regularizers is ", penalty_),
         {.received = cat(penalty_)});
}

}  // namespace sluice
