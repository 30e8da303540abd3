// What belongs to one JavaScript environment (the main thread, a worker): napi instance data. The
// other two lifetimes are the process (backends, scheduler: the engine's) and the object (wrap.h).
#pragma once

#include <node_api.h>

#include <memory>

#include "addon/channel.h"
#include "addon/task.h"

namespace sluice::addon {

class Environment {
 public:
  // Once, when the addon is loaded.
  static void install(napi_env env);
  static Environment& of(napi_env env);

  Channel& channel() { return *channel_; }

 private:
  friend napi_value promiseOf(napi_env env, const std::function<Submission()>& start);

  explicit Environment(napi_env env);
  void submit(const Submission& submission, napi_deferred deferred);
  void settleFinished();
  void settle(Task& task);
  void release(Task& task);  // what the call held
  void hold(bool more);      // counts pending promises, which keep the event loop alive

  napi_env env_;
  napi_threadsafe_function wake_ = nullptr;
  std::shared_ptr<Channel> channel_;
  size_t pending_ = 0;
};

}  // namespace sluice::addon
