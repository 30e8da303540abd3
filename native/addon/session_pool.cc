#include "addon/session_pool.h"

#include <limits>
#include <span>

#include "addon/js.h"
#include "addon/model.h"
#include "addon/session.h"
#include "engine/core/error.h"

namespace sluice::addon {

SessionPoolObject::SessionPoolObject(const Napi::CallbackInfo& info)
    : Wrapped(info), memory_(info.Env()) {
  guard(info.Env(), [&] {
    const int64_t capacity =
        readInteger(info[1], "capacity", 1, std::numeric_limits<int32_t>::max());
    const WeightsType weights = readWeightsType(info[2]);
    pool_ = std::make_unique<SessionPool>(ModelObject::from(info[0], "model").model(), weights,
                                          static_cast<int32_t>(capacity));
    memory_.report(pool_->bytes());
  });
}

SessionPool& SessionPoolObject::pool() const {
  if (!pool_) fail(Code::Disposed, "the pool of sessions was disposed");
  return *pool_;
}

Napi::Value SessionPoolObject::inputSize(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), pool().inputSize());
}
Napi::Value SessionPoolObject::outputSize(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), pool().outputSize());
}
Napi::Value SessionPoolObject::stateSize(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), pool().stateSize());
}
Napi::Value SessionPoolObject::capacity(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), pool().capacity());
}
Napi::Value SessionPoolObject::size(const Napi::CallbackInfo& info) {
  return Napi::Value::From(info.Env(), pool().size());
}

Napi::Value SessionPoolObject::open(const Napi::CallbackInfo& info) {
  SessionPool& pool = this->pool();
  const float* state = info[0].IsNull() ? nullptr : readStep(info[0], "state", pool.stateSize());
  return Napi::Value::From(info.Env(), pool.open(state));
}

void SessionPoolObject::step(const Napi::CallbackInfo& info) {
  SessionPool& pool = this->pool();
  const ArrayView slots = readTypedArray(info[0], napi_int32_array, "slots");
  const auto count = static_cast<int64_t>(slots.length);
  const float* xs = readStep(info[1], "xs", count * pool.inputSize());
  float* outputs = readStep(info[2], "outputs", count * pool.outputSize());
  pool.step(slots.as<int32_t>(), count, xs, outputs);
  memory_.report(pool.bytes());
}

Napi::Value SessionPoolObject::getState(const Napi::CallbackInfo& info) {
  const SessionPool& pool = this->pool();
  const float* state = pool.state(readNumber(info[0], "slot"));
  return toTypedArray<float>(info.Env(), std::span(state, static_cast<size_t>(pool.stateSize())));
}

void SessionPoolObject::close(const Napi::CallbackInfo& info) {
  pool().close(readNumber(info[0], "slot"));
}

void SessionPoolObject::dispose(const Napi::CallbackInfo&) {
  pool_.reset();
  memory_.report(0);
}

void SessionPoolObject::define(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  Wrapped::define(exports, {
                               getter<&SessionPoolObject::inputSize>("inputSize"),
                               getter<&SessionPoolObject::outputSize>("outputSize"),
                               getter<&SessionPoolObject::stateSize>("stateSize"),
                               getter<&SessionPoolObject::capacity>("capacity"),
                               getter<&SessionPoolObject::size>("size"),
                               method<&SessionPoolObject::open>(env, "open"),
                               method<&SessionPoolObject::step>(env, "step"),
                               method<&SessionPoolObject::getState>(env, "getState"),
                               method<&SessionPoolObject::close>(env, "close"),
                               method<&SessionPoolObject::dispose>(env, "dispose"),
                           });
}

}  // namespace sluice::addon
