#include "addon/model.h"

#include <string>
#include <vector>

#include "addon/specs.h"
#include "addon/value.h"
#include "engine/core/error.h"

namespace sluice::addon {
namespace {

constexpr size_t kMaxNamed = 1'000'000;

// A record of anything: its keys and values. The values are all read before any of them is looked
// into, as reading one may run code that changes another.
struct Entry {
  std::string name;
  napi_value value;
};
std::vector<Entry> readEntries(napi_env env, napi_value record, const char* what) {
  if (typeOf(env, record) != napi_object || isArray(env, record))
    invalid(env, what, "an object", record);
  napi_value keys = ownKeys(env, record);
  std::vector<Entry> entries(readArrayLength(env, keys, what, kMaxNamed));
  for (size_t i = 0; i < entries.size(); ++i) {
    napi_value key = getElement(env, keys, i);
    entries[i].name = readString(env, key, what);
    check(env, napi_get_property(env, record, key, &entries[i].value));
  }
  return entries;
}

}  // namespace

ModelObject::ModelObject(const Call& call) : memory_(call.env) {
  const Value description = toValue(call.env, call[0], "description");
  const int64_t seed = readInteger(call.env, call[1], "seed", 0, kMaxSafeInteger);
  model_ = Model::create(description, static_cast<uint64_t>(seed));
  reportMemory();
}

const std::shared_ptr<Model>& ModelObject::model() const {
  if (!model_) fail(Code::Disposed, "the model was disposed");
  return model_;
}

void ModelObject::reportMemory() { memory_.report(model_ ? model_->residentBytes() : 0); }

void ModelObject::runStarted(RunKind kind) {
  if (kind == RunKind::Train) training_ = true;
  ++(kind == RunKind::Predict ? predicting_ : active_);
}

void ModelObject::runSettled(RunKind kind) noexcept {
  if (kind == RunKind::Train) training_ = false;
  --(kind == RunKind::Predict ? predicting_ : active_);
  // Asking for the size reads what a training run changes.
  if (active_ == 0) reportMemory();
}

void ModelObject::requireIdle(const char* what) const {
  if (active_ > 0)
    fail(Code::Busy, cat(what, " while a training, evaluation or gradient call is under way"),
         {.option = what});
}

void ModelObject::requireStatesIdle(const char* what) const {
  requireIdle(what);
  if (predicting_ > 0)
    fail(Code::Busy, cat(what, " while a predict call is under way, which writes the states"),
         {.option = what});
}

napi_value ModelObject::getWeights(const Call& call) {
  const std::shared_ptr<Model> model = this->model();
  const std::shared_ptr<const Snapshot> snapshot = model->currentWeights();
  napi_value weights = jsObject(call.env);
  for (const Parameter& parameter : model->graph().parameters) {
    const HandleScope scope(call.env);
    const float* values = snapshot->values() + parameter.offset;
    set(call.env, weights, parameter.name.c_str(),
        jsFloats(call.env, {values, static_cast<size_t>(parameter.shape.elements())}));
  }
  return weights;
}

napi_value ModelObject::setWeights(const Call& call) {
  const std::vector<Entry> entries = readEntries(call.env, call[0], "weights");
  std::vector<Model::WeightUpdate> updates;
  updates.reserve(entries.size());
  for (const auto& [name, value] : entries) {
    const ArrayView view = readTypedArray(call.env, value, napi_float32_array, name.c_str());
    updates.push_back({name, view.as<float>(), view.length});
  }
  const std::shared_ptr<Model>& target = model();
  // Runs that only read hold a snapshot, which is not written to.
  if (training_) fail(Code::Busy, "setWeights while a training step is under way");
  target->setWeights(updates);
  return nullptr;
}

napi_value ModelObject::setTrainable(const Call& call) {
  const std::string layer = readString(call.env, call[0], "layer");
  const bool trainable = readBoolean(call.env, call[1], "trainable");
  const std::shared_ptr<Model>& target = model();
  requireIdle("setTrainable");
  target->setTrainable(layer, trainable);
  return nullptr;
}

napi_value ModelObject::compile(const Call& call) {
  TrainingSpec spec = readTrainingSpec(call.env, call[0]);
  const std::shared_ptr<Model>& target = model();
  requireIdle("compile");
  target->compile(std::move(spec));
  reportMemory();
  return nullptr;
}

napi_value ModelObject::iterations(const Call& call) {
  return jsNumber(call.env, static_cast<double>(model()->iterations()));
}

napi_value ModelObject::getStates(const Call& call) {
  napi_value states = jsObject(call.env);
  for (const CarriedState& state : model()->carriedStates()) {
    const HandleScope scope(call.env);
    napi_value entry = jsObject(call.env);
    set(call.env, entry, "rows", jsNumber(call.env, static_cast<double>(state.rows)));
    set(call.env, entry, "data", jsFloats(call.env, state.values));
    set(call.env, states, state.name.c_str(), entry);
  }
  return states;
}

napi_value ModelObject::setStates(const Call& call) {
  std::vector<CarriedState> states;
  for (const auto& [name, value] : readEntries(call.env, call[0], "states")) {
    const Fields fields(call.env, value, name, {"rows", "data"});
    CarriedState state{name, fields.integer("rows", 0, kMaxCount), {}};
    const ArrayView view =
        readTypedArray(call.env, fields.get("data"), napi_float32_array, name.c_str());
    state.values.assign(view.as<float>(), view.as<float>() + view.length);
    states.push_back(std::move(state));
  }
  const std::shared_ptr<Model>& target = model();
  requireStatesIdle("setStates");
  target->setCarriedStates(states);
  return nullptr;
}

napi_value ModelObject::resetStates(const Call&) {
  const std::shared_ptr<Model>& target = model();
  requireStatesIdle("resetStates");
  target->resetCarriedStates();
  return nullptr;
}

napi_value ModelObject::dispose(const Call&) {
  // Runs have pointers of their own: the last of them frees the model.
  model_.reset();
  reportMemory();
  return nullptr;
}

void ModelObject::define(napi_env env, napi_value exports) {
  defineClass<ModelObject>(env, exports,
                           {
                               getter<&ModelObject::inputs>("inputs"),
                               getter<&ModelObject::outputs>("outputs"),
                               getter<&ModelObject::nodes>("nodes"),
                               getter<&ModelObject::parameters>("parameters"),
                               getter<&ModelObject::states>("states"),
                               getter<&ModelObject::iterations>("iterations"),
                               method<&ModelObject::getWeights>("getWeights"),
                               method<&ModelObject::setWeights>("setWeights"),
                               method<&ModelObject::setTrainable>("setTrainable"),
                               method<&ModelObject::compile>("compile"),
                               rawMethod("run", run),
                               method<&ModelObject::estimate>("estimate"),
                               method<&ModelObject::explain>("explain"),
                               method<&ModelObject::getStates>("getStates"),
                               method<&ModelObject::setStates>("setStates"),
                               method<&ModelObject::resetStates>("resetStates"),
                               method<&ModelObject::dispose>("dispose"),
                           });
}

}  // namespace sluice::addon
