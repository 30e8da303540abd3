// Model.run: one batch, off the JavaScript thread.
#include <optional>
#include <utility>
#include <vector>

#include "addon/batch.h"
#include "addon/cancel.h"
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

  napi_value result(napi_env env) override {
    napi_value result = jsObject(env);
    set(env, result, "sums", jsDoubles(env, result_.sums));
    const bool differentiates = kind_ == RunKind::Gradients || kind_ == RunKind::Vjp;
    set(env, result, "gradients", differentiates ? gradients(env) : jsNull(env));
    set(env, result, "inputGradients", differentiates ? inputGradients(env) : jsNull(env));
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
  napi_value gradients(napi_env env) const {
    napi_value record = jsObject(env);
    for (const NamedFloats& gradient : result_.gradients) {
      const HandleScope scope(env);
      set(env, record, gradient.name.c_str(), jsFloats(env, gradient.values));
    }
    return record;
  }

  napi_value inputGradients(napi_env env) const {
    return jsList(env, result_.inputGradients, [&](const std::optional<std::vector<float>>& of) {
      return of ? jsFloats(env, *of) : jsNull(env);
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

}  // namespace

napi_value ModelObject::run(napi_env env, napi_callback_info info) noexcept {
  return promiseOf(env, [&] {
    const Call call(env, info);
    return unwrap<ModelObject>(env, call.self, "the receiver").startRun(call);
  });
}

Submission ModelObject::startRun(const Call& call) {
  napi_env env = call.env;
  const RunKind kind = readRunKind(env, call[0]);
  RunArguments arguments = readRunOptions(env, call[2]);
  CancelObject* cancel = typeOf(env, arguments.cancel) == napi_null
                             ? nullptr
                             : &unwrap<CancelObject>(env, arguments.cancel, "options.cancel");
  SnapshotObject* weights =
      typeOf(env, arguments.weights) == napi_null
          ? nullptr
          : &unwrap<SnapshotObject>(env, arguments.weights, "options.weights");
  // From here on no code of the user's runs.
  const std::shared_ptr<Model>& model = this->model();
  auto& batchObject = unwrap<BatchObject>(env, call[1], "batch");
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
  // What a user waits for goes before the training that may go on in the background.
  const Priority priority = kind == RunKind::Predict ? Priority::Inference : Priority::Training;
  return {task, priority, {call.self, call[1]}};
}

}  // namespace sluice::addon
