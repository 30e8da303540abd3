// The JavaScript class Session: one step at a time on the calling thread. Microseconds count.
#pragma once

#include <node_api.h>

#include <memory>
#include <vector>

#include "addon/wrap.h"
#include "engine/model/session.h"

namespace sluice::addon {

class SessionObject {
 public:
  static constexpr const char* kName = "Session";
  static constexpr uint64_t kTag = 0xd81f6a2e379cb504;

  explicit SessionObject(const Call& call);
  static void define(napi_env env, napi_value exports);

 private:
  static napi_value pushOne(napi_env env, napi_callback_info info) noexcept;

  napi_value inputSizes(const Call& call);
  napi_value outputSizes(const Call& call);
  napi_value stateSize(const Call& call);
  napi_value push(const Call& call);
  napi_value getState(const Call& call);
  napi_value setState(const Call& call);
  napi_value reset(const Call& call);
  napi_value dispose(const Call& call);

  Session& session() const;
  void readPorts(napi_env env, napi_value list, const char* what, napi_value* ports, size_t count);

  std::unique_ptr<Session> session_;
  // Room for the arguments of push(), so that it allocates nothing.
  std::vector<napi_value> ports_;
  std::vector<float*> pointers_;
  bool reading_ = false;
  ExternalMemory memory_;
};

}  // namespace sluice::addon
