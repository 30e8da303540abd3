// The JavaScript class CancelToken.
#pragma once

#include <node_api.h>

#include <memory>
#include <vector>

#include "addon/task.h"
#include "addon/wrap.h"

namespace sluice::addon {

class CancelObject {
 public:
  static constexpr const char* kName = "CancelToken";
  static constexpr uint64_t kTag = 0x6cc4f1b0a1d2937e;

  explicit CancelObject(const Call&) {}
  static void define(napi_env env, napi_value exports);

  // Each task has a token of its own; this object cancels all it was given to.
  void add(const std::shared_ptr<Task>& task);
  bool isCancelled() const { return cancelled_; }

 private:
  napi_value cancel(const Call& call);
  napi_value cancelled(const Call& call);

  bool cancelled_ = false;
  std::vector<std::weak_ptr<Task>> tasks_;
};

}  // namespace sluice::addon
