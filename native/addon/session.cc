#include "addon/session.h"

#include <string>

#include "addon/model.h"
#include "engine/core/error.h"

namespace sluice::addon {
namespace {

// A Float32Array of exactly `size` elements.
float* readStep(napi_env env, napi_value value, const char* what, int64_t size) {
  const ArrayView view = readTypedArray(env, value, napi_float32_array, what);
  if (view.length != static_cast<size_t>(size))
    fail(Code::InvalidArgument, cat(what, " must have ", size, " elements, received ", view.length),
         {.option = what, .expected = cat(size), .received = cat(view.length)});
  return view.as<float>();
}

napi_value jsSizes(napi_env env, const std::vector<int64_t>& sizes) {
  return jsList(env, sizes, [&](int64_t size) { return jsNumber(env, static_cast<double>(size)); });
}

}  // namespace

SessionObject::SessionObject(const Call& call) : memory_(call.env) {
  session_ = std::make_unique<Session>(unwrap<ModelObject>(call.env, call[0], "model").model());
  ports_.resize(session_->inputSizes().size() + session_->outputSizes().size());
  pointers_.resize(ports_.size());
  memory_.report(session_->bytes());
}

Session& SessionObject::session() const {
  if (!session_) fail(Code::Disposed, "the session was disposed");
  return *session_;
}

napi_value SessionObject::pushOne(napi_env env, napi_callback_info info) noexcept {
  return guard(env, [&]() -> napi_value {
    size_t count = 2;
    napi_value arguments[2] = {}, self = nullptr;
    check(env, napi_get_cb_info(env, info, &count, arguments, &self, nullptr));
    Session& session = unwrap<SessionObject>(env, self, "the receiver").session();
    if (session.inputSizes().size() != 1 || session.outputSizes().size() != 1)
      fail(Code::InvalidArgument, "pushOne needs a model with one input and one output");
    const float* input = readStep(env, arguments[0], "input", session.inputSizes()[0]);
    float* output = readStep(env, arguments[1], "output", session.outputSizes()[0]);
    session.push(&input, &output);
    return nullptr;
  });
}

void SessionObject::readPorts(napi_env env, napi_value list, const char* what, napi_value* ports,
                              size_t count) {
  if (!isArray(env, list) || arrayLength(env, list) != count)
    invalid(env, what, cat("an array of ", count), list);
  for (size_t i = 0; i < count; ++i) ports[i] = getElement(env, list, i);
}

napi_value SessionObject::push(const Call& call) {
  napi_env env = call.env;
  const size_t inputs = session().inputSizes().size(), outputs = session().outputSizes().size();
  // Reading an element may run a getter, and that may push again.
  if (reading_) fail(Code::Busy, "push was called from within its own arguments");
  reading_ = true;
  struct Reading {
    bool& flag;
    ~Reading() { flag = false; }
  } const reading{reading_};
  readPorts(env, call[0], "inputs", ports_.data(), inputs);
  readPorts(env, call[1], "outputs", ports_.data() + inputs, outputs);
  // From here on no code of the user's runs. Until now it did, and may have disposed the session.
  Session& session = this->session();
  for (size_t i = 0; i < inputs; ++i)
    pointers_[i] = readStep(env, ports_[i], "inputs", session.inputSizes()[i]);
  for (size_t i = 0; i < outputs; ++i)
    pointers_[inputs + i] = readStep(env, ports_[inputs + i], "outputs", session.outputSizes()[i]);
  session.push(pointers_.data(), pointers_.data() + inputs);
  return nullptr;
}

napi_value SessionObject::inputSizes(const Call& call) {
  return jsSizes(call.env, session().inputSizes());
}

napi_value SessionObject::outputSizes(const Call& call) {
  return jsSizes(call.env, session().outputSizes());
}

napi_value SessionObject::stateSize(const Call& call) {
  return jsNumber(call.env, static_cast<double>(session().stateSize()));
}

napi_value SessionObject::getState(const Call& call) {
  return jsFloats(call.env, session().state());
}

napi_value SessionObject::setState(const Call& call) {
  Session& target = session();
  target.setState(readStep(call.env, call[0], "state", target.stateSize()));
  return nullptr;
}

napi_value SessionObject::reset(const Call&) {
  session().reset();
  return nullptr;
}

napi_value SessionObject::dispose(const Call&) {
  session_.reset();
  memory_.report(0);
  return nullptr;
}

void SessionObject::define(napi_env env, napi_value exports) {
  defineClass<SessionObject>(env, exports,
                             {
                                 getter<&SessionObject::inputSizes>("inputSizes"),
                                 getter<&SessionObject::outputSizes>("outputSizes"),
                                 getter<&SessionObject::stateSize>("stateSize"),
                                 method<&SessionObject::push>("push"),
                                 rawMethod("pushOne", pushOne),
                                 method<&SessionObject::getState>("getState"),
                                 method<&SessionObject::setState>("setState"),
                                 method<&SessionObject::reset>("reset"),
                                 method<&SessionObject::dispose>("dispose"),
                             });
}

}  // namespace sluice::addon
