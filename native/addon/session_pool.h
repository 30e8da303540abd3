// The JavaScript class SessionPool: steps of many sessions on the calling thread.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/wrap.h"
#include "engine/model/session_pool.h"

namespace sluice::addon {

class SessionPoolObject : public Wrapped<SessionPoolObject> {
 public:
  static constexpr const char* kName = "SessionPool";
  static constexpr uint64_t kTag = 0x6b90e4c8d7f1523a;

  explicit SessionPoolObject(const Napi::CallbackInfo& info);
  static void define(Napi::Object exports);

 private:
  Napi::Value inputSize(const Napi::CallbackInfo& info);
  Napi::Value outputSize(const Napi::CallbackInfo& info);
  Napi::Value stateSize(const Napi::CallbackInfo& info);
  Napi::Value capacity(const Napi::CallbackInfo& info);
  Napi::Value size(const Napi::CallbackInfo& info);
  Napi::Value open(const Napi::CallbackInfo& info);
  void step(const Napi::CallbackInfo& info);
  Napi::Value getState(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  SessionPool& pool() const;

  std::unique_ptr<SessionPool> pool_;
  ExternalMemory memory_;
};

}  // namespace sluice::addon
