// Work off the JavaScript thread with a promise for its end.
//
// A task's arguments are captured as plain structs on the JavaScript thread; run() sees nothing
// else. result() makes the JavaScript value at the end. The rest (errors, settling exactly once,
// cancelling, shutting down) is done here and in channel.h.
#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "engine/runtime/cancel.h"
#include "engine/runtime/scheduler.h"

namespace sluice::addon {

class Task {
 public:
  virtual ~Task() = default;

  // On a thread of the scheduler. What it throws rejects the promise.
  virtual void run(const CancelToken& cancel) = 0;
  // On the JavaScript thread, unless run() threw.
  virtual Napi::Value result(Napi::Env env) = 0;
  // On the JavaScript thread: marks what the task uses, and takes the marks back just before the
  // promise settles either way. Not taken back where the environment goes away first.
  virtual void started() noexcept {}
  virtual void settled() noexcept {}

 private:
  friend class Channel;
  friend class Environment;
  enum class State { Queued, Running, Finished };

  CancelToken cancel_;
  State state_ = State::Queued;  // guarded by the channel's mutex
  std::exception_ptr failure_;   // written before Finished
};

struct Submission {
  std::shared_ptr<Task> task;
  Priority priority = Priority::Training;
  // Objects that must not be collected before the promise settles.
  std::vector<Napi::Object> keep;
};

// Calls `start`, submits the task it returns, and returns the promise of its result. What `start`
// throws rejects the promise as well: a call that returns a promise never throws.
Napi::Value promiseOf(Napi::Env env, const std::function<Submission()>& start);

}  // namespace sluice::addon
