#include "addon/cancel.h"

#include "addon/environment.h"

namespace sluice::addon {

void CancelObject::add(const std::shared_ptr<Task>& task) {
  // One token may serve all the runs of a long training: those that are over go.
  std::erase_if(tasks_, [](const auto& other) { return other.expired(); });
  tasks_.push_back(task);
}

void CancelObject::cancel(const Napi::CallbackInfo& info) {
  cancelled_ = true;
  for (const auto& task : tasks_)
    if (const auto alive = task.lock()) Environment::of(info.Env()).channel().cancel(alive);
  tasks_.clear();
}

Napi::Value CancelObject::cancelled(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), cancelled_);
}

void CancelObject::define(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  Wrapped::define(exports, {
                               method<&CancelObject::cancel>(env, "cancel"),
                               getter<&CancelObject::cancelled>("cancelled"),
                           });
}

}  // namespace sluice::addon
