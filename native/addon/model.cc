#include "addon/model.h"

#include <span>
#include <string>
#include <vector>

#include "addon/js.h"
#include "addon/process.h"
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
  Napi::Value value;
};
std::vector<Entry> readEntries(Napi::Value record, const char* what) {
  if (record.Type() != napi_object || record.IsArray()) invalid(what, "an object", record);
  const Napi::Array keys = readArray(ownKeys(record.As<Napi::Object>()), what, kMaxNamed);
  std::vector<Entry> entries(keys.Length());
  for (uint32_t i = 0; i < entries.size(); ++i) {
    const Napi::Value key = keys[i];
    entries[i].name = readString(key, what);
    entries[i].value = get(record.As<Napi::Object>(), key);
  }
  return entries;
}

}  // namespace

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Wrapped(info), memory_(info.Env()) {
  guard(info.Env(), [&] {
    requireConfiguration();
    const sluice::Value description = toValue(info[0], "description");
    const int64_t seed = readInteger(info[1], "seed", 0, kMaxSafeInteger);
    model_ = Model::create(description, static_cast<uint64_t>(seed));
    reportMemory();
  });
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

Napi::Value ModelObject::getWeights(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Model> model = this->model();
  const std::shared_ptr<const Snapshot> snapshot = model->currentWeights();
  Napi::Object weights = Napi::Object::New(info.Env());
  for (const Parameter& parameter : model->graph().parameters) {
    const Napi::HandleScope scope(info.Env());
    const std::span values(snapshot->values() + parameter.offset,
                           static_cast<size_t>(parameter.shape.elements()));
    weights.Set(parameter.name, toTypedArray<float>(info.Env(), values));
  }
  return weights;
}

void ModelObject::setWeights(const Napi::CallbackInfo& info) {
  const std::vector<Entry> entries = readEntries(info[0], "weights");
  std::vector<Model::WeightUpdate> updates;
  updates.reserve(entries.size());
  for (const auto& [name, value] : entries) {
    const ArrayView view = readTypedArray(value, napi_float32_array, name.c_str());
    updates.push_back({name, view.as<float>(), view.length});
  }
  const std::shared_ptr<Model>& target = model();
  // Runs that only read hold a snapshot, which is not written to.
  if (training_) fail(Code::Busy, "setWeights while a training step is under way");
  target->setWeights(updates);
}

void ModelObject::setTrainable(const Napi::CallbackInfo& info) {
  const std::string layer = readString(info[0], "layer");
  const bool trainable = readBoolean(info[1], "trainable");
  const std::shared_ptr<Model>& target = model();
  requireIdle("setTrainable");
  target->setTrainable(layer, trainable);
}

void ModelObject::compile(const Napi::CallbackInfo& info) {
  TrainingSpec spec = readTrainingSpec(info[0]);
  const std::shared_ptr<Model>& target = model();
  requireIdle("compile");
  target->compile(std::move(spec));
  reportMemory();
}

Napi::Value ModelObject::iterations(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), model()->iterations());
}

Napi::Value ModelObject::getStates(const Napi::CallbackInfo& info) {
  Napi::Object states = Napi::Object::New(info.Env());
  for (const CarriedState& state : model()->carriedStates()) {
    const Napi::HandleScope scope(info.Env());
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("rows", state.rows);
    entry.Set("data", toTypedArray<float>(info.Env(), state.values));
    states.Set(state.name, entry);
  }
  return states;
}

void ModelObject::setStates(const Napi::CallbackInfo& info) {
  std::vector<CarriedState> states;
  for (const auto& [name, value] : readEntries(info[0], "states")) {
    const Fields fields(value, name, {"rows", "data"});
    CarriedState state{name, fields.integer("rows", 0, kMaxCount), {}};
    const ArrayView view = readTypedArray(fields.get("data"), napi_float32_array, name.c_str());
    state.values.assign(view.as<float>(), view.as<float>() + view.length);
    states.push_back(std::move(state));
  }
  const std::shared_ptr<Model>& target = model();
  requireStatesIdle("setStates");
  target->setCarriedStates(states);
}

void ModelObject::resetStates(const Napi::CallbackInfo&) {
  const std::shared_ptr<Model>& target = model();
  requireStatesIdle("resetStates");
  target->resetCarriedStates();
}

void ModelObject::dispose(const Napi::CallbackInfo&) {
  // Runs have pointers of their own: the last of them frees the model.
  model_.reset();
  reportMemory();
}

void ModelObject::define(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  Wrapped::define(exports, {
                               getter<&ModelObject::inputs>("inputs"),
                               getter<&ModelObject::outputs>("outputs"),
                               getter<&ModelObject::nodes>("nodes"),
                               getter<&ModelObject::parameters>("parameters"),
                               getter<&ModelObject::states>("states"),
                               getter<&ModelObject::iterations>("iterations"),
                               method<&ModelObject::outputShapes>(env, "outputShapes"),
                               method<&ModelObject::getWeights>(env, "getWeights"),
                               method<&ModelObject::setWeights>(env, "setWeights"),
                               method<&ModelObject::setTrainable>(env, "setTrainable"),
                               method<&ModelObject::compile>(env, "compile"),
                               method<&ModelObject::run>(env, "run"),
                               method<&ModelObject::estimate>(env, "estimate"),
                               method<&ModelObject::explain>(env, "explain"),
                               method<&ModelObject::measure>(env, "measure"),
                               method<&ModelObject::getStates>(env, "getStates"),
                               method<&ModelObject::setStates>(env, "setStates"),
                               method<&ModelObject::resetStates>(env, "resetStates"),
                               method<&ModelObject::dispose>(env, "dispose"),
                           });
}

}  // namespace sluice::addon
