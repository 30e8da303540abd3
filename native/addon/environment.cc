#include "addon/environment.h"

#include <utility>

#include "addon/errors.h"
#include "addon/js.h"

namespace sluice::addon {

void Environment::install(napi_env env) {
  std::unique_ptr<Environment> self(new Environment(env));
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); };
  check(env, napi_set_instance_data(env, self.get(), finalize, nullptr));
  static_cast<void>(self.release());  // the environment's now
}

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  check(env, napi_get_instance_data(env, &data));
  return *static_cast<Environment*>(data);
}

Environment::Environment(napi_env env) : env_(env) {
  const auto wake = [](napi_env running, napi_value, void* context, void*) {
    // No environment: it is going away, and the hook below has dropped everything.
    if (running != nullptr) static_cast<Environment*>(context)->settleFinished();
  };
  napi_value name = jsString(env, "sluice");
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                             this, wake, &wake_));
  check(env, napi_unref_threadsafe_function(env, wake_));
  channel_ = Channel::create(wake_);
  // Hooks run in the reverse order of their making: this one before the function's own, so that
  // the compute thread never meets a function that is gone.
  const auto close = [](void* channel) { static_cast<Channel*>(channel)->close(); };
  check(env, napi_add_env_cleanup_hook(env, close, channel_.get()));
}

void Environment::hold(bool more) {
  if (more && pending_++ == 0) napi_ref_threadsafe_function(env_, wake_);
  if (!more && --pending_ == 0) napi_unref_threadsafe_function(env_, wake_);
}

void Environment::submit(const Submission& submission, napi_deferred deferred) {
  Task& task = *submission.task;
  task.deferred_ = deferred;
  task.started();
  try {
    napi_value error = nullptr;
    check(env_, napi_create_error(env_, nullptr, jsString(env_, ""), &error));
    check(env_, napi_create_reference(env_, error, 1, &task.error_));
    for (napi_value object : submission.keep)
      check(env_, napi_create_reference(env_, object, 1, &task.kept_.emplace_back()));
    channel_->submit(submission.task, submission.priority);
  } catch (...) {
    release(task);
    throw;
  }
  hold(true);
}

void Environment::release(Task& task) {
  task.settled();
  for (napi_ref reference : task.kept_) napi_delete_reference(env_, reference);
  napi_delete_reference(env_, task.error_);
}

void Environment::settleFinished() {
  for (const auto& task : channel_->takeFinished()) {
    napi_handle_scope scope = nullptr;
    if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
    settle(*task);
    napi_close_handle_scope(env_, scope);
  }
}

// No status is looked at below where there is nothing left to be done about it: calls fail here
// only where the environment is being terminated.
void Environment::settle(Task& task) {
  napi_value value = nullptr, error = nullptr;
  if (!task.failure_) {
    try {
      value = task.result(env_);
    } catch (const JsException&) {
      napi_get_and_clear_last_exception(env_, &error);
    } catch (...) {
      task.failure_ = std::current_exception();
    }
  }
  if (task.failure_) {
    napi_get_reference_value(env_, task.error_, &error);
    error = toJsError(env_, task.failure_, error);
  }
  release(task);
  if (value != nullptr)
    napi_resolve_deferred(env_, task.deferred_, value);
  else if (error != nullptr)
    napi_reject_deferred(env_, task.deferred_, error);
  hold(false);
}

napi_value promiseOf(napi_env env, const std::function<Submission()>& start) {
  return guard(env, [&] {
    napi_deferred deferred = nullptr;
    napi_value promise = nullptr;
    check(env, napi_create_promise(env, &deferred, &promise));
    napi_value error = nullptr;
    try {
      Environment::of(env).submit(start(), deferred);
      return promise;
    } catch (const JsException&) {
      check(env, napi_get_and_clear_last_exception(env, &error));
    } catch (...) {
      error = toJsError(env, std::current_exception());
    }
    check(env, napi_reject_deferred(env, deferred, error));
    return promise;
  });
}

}  // namespace sluice::addon
