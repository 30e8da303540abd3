// The JavaScript class Session: one step at a time on the calling thread. Microseconds count.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/wrap.h"
#include "engine/model/session.h"

namespace sluice::addon {

// 'float32', 'float16', 'bfloat16' or 'int8'; undefined is float32.
WeightsType readWeightsType(Napi::Value value);
// A Float32Array of exactly `size` elements.
float* readStep(Napi::Value value, const char* what, int64_t size);

class SessionObject : public Wrapped<SessionObject> {
 public:
  static constexpr const char* kName = "Session";
  static constexpr uint64_t kTag = 0xd81f6a2e379cb504;

  explicit SessionObject(const Napi::CallbackInfo& info);
  static void define(Napi::Object exports);

 private:
  Napi::Value inputSizes(const Napi::CallbackInfo& info);
  Napi::Value outputSizes(const Napi::CallbackInfo& info);
  Napi::Value stateSize(const Napi::CallbackInfo& info);
  void push(const Napi::CallbackInfo& info);
  void pushOne(const Napi::CallbackInfo& info);
  Napi::Value getState(const Napi::CallbackInfo& info);
  void setState(const Napi::CallbackInfo& info);
  void reset(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  Session& session() const;
  void readPorts(Napi::Value list, const char* what, Napi::Value* ports, size_t count);

  std::unique_ptr<Session> session_;
  // Room for the arguments of push(), so that it allocates nothing.
  std::vector<Napi::Value> ports_;
  std::vector<float*> pointers_;
  bool reading_ = false;
  ExternalMemory memory_;
};

}  // namespace sluice::addon
