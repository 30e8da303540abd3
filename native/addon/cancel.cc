#include "addon/cancel.h"

#include "addon/environment.h"

namespace sluice::addon {

void CancelObject::add(const std::shared_ptr<Task>& task) {
  // One token may serve all the runs of a long training: those that are over go.
  std::erase_if(tasks_, [](const auto& other) { return other.expired(); });
  tasks_.push_back(task);
}

napi_value CancelObject::cancel(const Call& call) {
  cancelled_ = true;
  for (const auto& task : tasks_)
    if (const auto alive = task.lock()) Environment::of(call.env).channel().cancel(alive);
  tasks_.clear();
  return nullptr;
}

napi_value CancelObject::cancelled(const Call& call) { return jsBoolean(call.env, cancelled_); }

void CancelObject::define(napi_env env, napi_value exports) {
  defineClass<CancelObject>(env, exports,
                            {
                                method<&CancelObject::cancel>("cancel"),
                                getter<&CancelObject::cancelled>("cancelled"),
                            });
}

}  // namespace sluice::addon
