// What belongs to one JavaScript environment (the main thread, a worker): its instance data. The
// other two lifetimes are the process (backends, scheduler: the engine's) and the object (wrap.h).
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "addon/channel.h"
#include "addon/task.h"

namespace sluice::addon {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  Channel& channel() { return *channel_; }
  void submit(const Submission& submission, const Napi::Promise::Deferred& deferred);

 private:
  // A call whose promise is pending. Not a part of its task, which the compute thread may destroy.
  struct Call {
    Napi::Promise::Deferred deferred;
    Napi::Error error;  // created at the call, so that its stack points at the caller
    std::vector<Napi::ObjectReference> kept;
  };

  static void settleFinished(Napi::Env env, Napi::Function, Environment* self, void*);
  void settle(Napi::Env env, Task& task);

  Napi::TypedThreadSafeFunction<Environment, void, settleFinished> wake_;
  std::shared_ptr<Channel> channel_;
  std::unordered_map<const Task*, Call> calls_;  // they keep the event loop alive
};

}  // namespace sluice::addon
