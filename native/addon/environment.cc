#include "addon/environment.h"

#include <utility>

#include "addon/errors.h"
#include "addon/js.h"

namespace sluice::addon {

Environment::Environment(Napi::Env env) : wake_(decltype(wake_)::New(env, "sluice", 0, 1, this)) {
  wake_.Unref(env);
  channel_ = Channel::create([wake = wake_] { wake.NonBlockingCall(); });
  // Hooks run in the reverse order of their making: this one before the function's own, so that
  // the compute thread never meets a function that is gone.
  env.AddCleanupHook([channel = channel_] { channel->close(); });
}

void Environment::submit(const Submission& submission, const Napi::Promise::Deferred& deferred) {
  const Napi::Env env = deferred.Env();
  Task& task = *submission.task;
  Call call{deferred, Napi::Error::New(env, ""), {}};
  for (const Napi::Object& object : submission.keep) call.kept.push_back(Napi::Persistent(object));
  calls_.emplace(&task, std::move(call));
  task.started();
  try {
    channel_->submit(submission.task, submission.priority);
  } catch (...) {
    task.settled();
    calls_.erase(&task);
    throw;
  }
  if (calls_.size() == 1) wake_.Ref(env);
}

void Environment::settleFinished(Napi::Env env, Napi::Function, Environment* self, void*) {
  // No environment: it is going away, and the hook has dropped everything.
  if (env == nullptr) return;
  for (const auto& task : self->channel_->takeFinished()) {
    const Napi::HandleScope scope(env);
    try {
      self->settle(env, *task);
    } catch (const Napi::Error&) {
      // The environment is being terminated: there is nobody to tell.
    }
  }
}

void Environment::settle(Napi::Env env, Task& task) {
  auto node = calls_.extract(&task);
  Call& call = node.mapped();
  if (calls_.empty()) wake_.Unref(env);
  std::exception_ptr failure = task.failure_;
  Napi::Value value;
  if (!failure) {
    try {
      value = task.result(env);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  task.settled();
  if (failure)
    call.deferred.Reject(toJsError(env, failure, std::move(call.error)).Value());
  else
    call.deferred.Resolve(value);
}

Napi::Value promiseOf(Napi::Env env, const std::function<Submission()>& start) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  try {
    Environment::of(env).submit(start(), deferred);
  } catch (...) {
    const Napi::Error error = toJsError(env, std::current_exception());
    napi_value reason = error.Value();
    // What code of the user's threw is pending (js.h).
    if (error.IsEmpty()) check(env, napi_get_and_clear_last_exception(env, &reason));
    deferred.Reject(reason);
  }
  return deferred.Promise();
}

}  // namespace sluice::addon
