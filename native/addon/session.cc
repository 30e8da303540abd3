#include "addon/session.h"

#include <string>

#include "addon/js.h"
#include "addon/model.h"
#include "engine/core/error.h"

namespace sluice::addon {

WeightsType readWeightsType(Napi::Value value) {
  static constexpr std::pair<std::string_view, WeightsType> kTypes[] = {
      {"float32", WeightsType::Float32},
      {"float16", WeightsType::Float16},
      {"bfloat16", WeightsType::BFloat16},
      {"int8", WeightsType::Int8}};
  if (value.IsUndefined()) return WeightsType::Float32;
  return readChoice(value, "weights", kTypes);
}

float* readStep(Napi::Value value, const char* what, int64_t size) {
  const ArrayView view = readTypedArray(value, napi_float32_array, what);
  if (view.length != static_cast<size_t>(size))
    fail(Code::InvalidArgument, cat(what, " must have ", size, " elements, received ", view.length),
         {.option = what, .expected = cat(size), .received = cat(view.length)});
  return view.as<float>();
}

SessionObject::SessionObject(const Napi::CallbackInfo& info) : Wrapped(info), memory_(info.Env()) {
  guard(info.Env(), [&] {
    const WeightsType weights = readWeightsType(info[1]);
    session_ = std::make_unique<Session>(ModelObject::from(info[0], "model").model(), weights);
    ports_.resize(session_->inputSizes().size() + session_->outputSizes().size());
    pointers_.resize(ports_.size());
    memory_.report(session_->bytes());
  });
}

Session& SessionObject::session() const {
  if (!session_) fail(Code::Disposed, "the session was disposed");
  return *session_;
}

void SessionObject::pushOne(const Napi::CallbackInfo& info) {
  Session& session = this->session();
  if (session.inputSizes().size() != 1 || session.outputSizes().size() != 1)
    fail(Code::InvalidArgument, "pushOne needs a model with one input and one output");
  const float* input = readStep(info[0], "input", session.inputSizes()[0]);
  float* output = readStep(info[1], "output", session.outputSizes()[0]);
  session.push(&input, &output);
}

void SessionObject::readPorts(Napi::Value list, const char* what, Napi::Value* ports,
                              size_t count) {
  if (!list.IsArray() || list.As<Napi::Array>().Length() != count)
    invalid(what, cat("an array of ", count), list);
  for (uint32_t i = 0; i < count; ++i) ports[i] = get(list.As<Napi::Array>(), i);
}

void SessionObject::push(const Napi::CallbackInfo& info) {
  const size_t inputs = session().inputSizes().size(), outputs = session().outputSizes().size();
  // Reading an element may run a getter, and that may push again.
  if (reading_) fail(Code::Busy, "push was called from within its own arguments");
  reading_ = true;
  struct Reading {
    bool& flag;
    ~Reading() { flag = false; }
  } const reading{reading_};
  readPorts(info[0], "inputs", ports_.data(), inputs);
  readPorts(info[1], "outputs", ports_.data() + inputs, outputs);
  // From here on no code of the user's runs. Until now it did, and may have disposed the session.
  Session& session = this->session();
  for (size_t i = 0; i < inputs; ++i)
    pointers_[i] = readStep(ports_[i], "inputs", session.inputSizes()[i]);
  for (size_t i = 0; i < outputs; ++i)
    pointers_[inputs + i] = readStep(ports_[inputs + i], "outputs", session.outputSizes()[i]);
  session.push(pointers_.data(), pointers_.data() + inputs);
}

Napi::Value SessionObject::inputSizes(const Napi::CallbackInfo& info) {
  return toArray(info.Env(), session().inputSizes());
}

Napi::Value SessionObject::outputSizes(const Napi::CallbackInfo& info) {
  return toArray(info.Env(), session().outputSizes());
}

Napi::Value SessionObject::stateSize(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), session().stateSize());
}

Napi::Value SessionObject::getState(const Napi::CallbackInfo& info) {
  return toTypedArray<float>(info.Env(), session().state());
}

void SessionObject::setState(const Napi::CallbackInfo& info) {
  Session& target = session();
  target.setState(readStep(info[0], "state", target.stateSize()));
}

void SessionObject::reset(const Napi::CallbackInfo&) { session().reset(); }

void SessionObject::dispose(const Napi::CallbackInfo&) {
  session_.reset();
  memory_.report(0);
}

void SessionObject::define(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  Wrapped::define(exports, {
                               getter<&SessionObject::inputSizes>("inputSizes"),
                               getter<&SessionObject::outputSizes>("outputSizes"),
                               getter<&SessionObject::stateSize>("stateSize"),
                               method<&SessionObject::push>(env, "push"),
                               method<&SessionObject::pushOne>(env, "pushOne"),
                               method<&SessionObject::getState>(env, "getState"),
                               method<&SessionObject::setState>(env, "setState"),
                               method<&SessionObject::reset>(env, "reset"),
                               method<&SessionObject::dispose>(env, "dispose"),
                           });
}

}  // namespace sluice::addon
