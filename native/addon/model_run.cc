// Model.run: one batch, off the JavaScript thread.
#include <optional>
#include <utility>
#include <vector>

#include "addon/batch.h"
#include "addon/cancel.h"
#include "addon/js.h"
#include "addon/model.h"
#include "addon/snapshot.h"
#include "addon/specs.h"
#include "addon/task.h"

namespace sluice::addon {
namespace {

class RunTask final : public Task {
 public:
  RunTask(ModelObject& modelObject, BatchObject& batchObject, std::shared_ptr<Model> model,
          std::shared_ptr<Batch> batch, RunKind kind, RunOptions options)
      : modelObject_(modelObject),
        batchObject_(batchObject),
        model_(std::move(model)),
        batch_(std::move(batch)),
        kind_(kind),
        options_(std::move(options)) {}

  void run(const CancelToken& cancel) override {
    cancel.check();
    options_.cancel = &cancel;
    try {
      result_ = model_->run(kind_, *batch_, options_);
    } catch (...) {
      batch_->outputs.clear();  // of a run that did not come to its end
      throw;
    }
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("sums", toTypedArray<double>(env, result_.sums));
    const bool differentiates = kind_ == RunKind::Gradients || kind_ == RunKind::Vjp;
    result.Set("gradients", differentiates ? gradients(env) : env.Null());
    result.Set("inputGradients", differentiates ? inputGradients(env) : env.Null());
    return result;
  }

  void started() noexcept override {
    batch_->inUse.store(true);
    modelObject_.runStarted(kind_);
  }

  void settled() noexcept override {
    batch_->inUse.store(false);
    batchObject_.reportMemory();
    modelObject_.runSettled(kind_);
  }

 private:
  Napi::Value gradients(Napi::Env env) const {
    Napi::Object record = Napi::Object::New(env);
    for (const NamedFloats& gradient : result_.gradients) {
      const Napi::HandleScope scope(env);
      record.Set(gradient.name, toTypedArray<float>(env, gradient.values));
    }
    return record;
  }

  Napi::Value inputGradients(Napi::Env env) const {
    return toArray(env, result_.inputGradients, [&](const std::optional<std::vector<float>>& of) {
      return of ? toTypedArray<float>(env, *of) : env.Null();
    });
  }

  // The JavaScript thread's; alive because the task keeps their JavaScript objects.
  ModelObject& modelObject_;
  BatchObject& batchObject_;
  std::shared_ptr<Model> model_;
  std::shared_ptr<Batch> batch_;
  RunKind kind_;
  RunOptions options_;
  RunResult result_;
};

// What a user waits for goes before the training that may go on in the background.
Priority priorityOf(RunKind kind, const Model& model, const Batch& batch) {
  constexpr double kPrompt = 1 << 26;  // a few milliseconds of one thread
  if (kind != RunKind::Predict) return Priority::Training;
  return model.operations(batch) <= kPrompt ? Priority::Prompt : Priority::Inference;
}

}  // namespace

Napi::Value ModelObject::run(const Napi::CallbackInfo& info) {
  return promiseOf(info.Env(), [&] { return from(info.This(), "the receiver").startRun(info); });
}

Submission ModelObject::startRun(const Napi::CallbackInfo& info) {
  const RunKind kind = readRunKind(info[0]);
  RunArguments arguments = readRunOptions(info[2]);
  CancelObject* cancel =
      arguments.cancel.IsNull() ? nullptr : &CancelObject::from(arguments.cancel, "options.cancel");
  SnapshotObject* weights = arguments.weights.IsNull()
                                ? nullptr
                                : &SnapshotObject::from(arguments.weights, "options.weights");
  // From here on no code of the user's runs.
  const std::shared_ptr<Model>& model = this->model();
  auto& batchObject = BatchObject::from(info[1], "batch");
  const std::shared_ptr<Batch>& batch = batchObject.forRunOf(model);
  if (weights != nullptr && kind == RunKind::Train)
    fail(Code::InvalidArgument, "training goes on from the last step, not from a snapshot",
         {.option = "options.weights"});
  if (weights != nullptr) arguments.options.weights = weights->forRunOf(model);
  if (kind == RunKind::Train && training_)
    fail(Code::Busy, "another training call of this model is under way");
  if (cancel != nullptr && cancel->isCancelled()) fail(Code::Aborted, "the call was aborted");

  const auto task = std::make_shared<RunTask>(*this, batchObject, model, batch, kind,
                                              std::move(arguments.options));
  if (cancel != nullptr) cancel->add(task);
  return {task,
          priorityOf(kind, *model, *batch),
          {info.This().As<Napi::Object>(), info[1].As<Napi::Object>()}};
}

}  // namespace sluice::addon
