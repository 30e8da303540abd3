// The JavaScript class CancelToken.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/task.h"
#include "addon/wrap.h"

namespace sluice::addon {

class CancelObject : public Wrapped<CancelObject> {
 public:
  static constexpr const char* kName = "CancelToken";
  static constexpr uint64_t kTag = 0x6cc4f1b0a1d2937e;

  explicit CancelObject(const Napi::CallbackInfo& info) : Wrapped(info) {}
  static void define(Napi::Object exports);

  // Each task has a token of its own; this object cancels all it was given to.
  void add(const std::shared_ptr<Task>& task);
  bool isCancelled() const { return cancelled_; }

 private:
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value cancelled(const Napi::CallbackInfo& info);

  bool cancelled_ = false;
  std::vector<std::weak_ptr<Task>> tasks_;
};

}  // namespace sluice::addon
