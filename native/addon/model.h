// The JavaScript class Model. What it consists of (inputs, parameters...) is in model_info.cc, runs
// are in model_run.cc.
#pragma once

#include <node_api.h>

#include <memory>

#include "addon/task.h"
#include "addon/wrap.h"
#include "engine/model/model.h"

namespace sluice::addon {

class ModelObject {
 public:
  static constexpr const char* kName = "Model";
  static constexpr uint64_t kTag = 0x2f8ab3c65e90d417;

  explicit ModelObject(const Call& call);
  static void define(napi_env env, napi_value exports);

  // DISPOSED after dispose(). Hold the pointer while code of the user's may run.
  const std::shared_ptr<Model>& model() const;

  // From the call of a run until its promise settles. The engine's own marks are up only while a
  // run is on the compute thread, which may begin at any moment: they cannot keep apart what is
  // changed here and what is read there.
  void runStarted(RunKind kind);
  void runSettled(RunKind kind) noexcept;

 private:
  napi_value inputs(const Call& call);
  napi_value outputs(const Call& call);
  napi_value nodes(const Call& call);
  napi_value parameters(const Call& call);
  napi_value states(const Call& call);
  napi_value getWeights(const Call& call);
  napi_value setWeights(const Call& call);
  napi_value setTrainable(const Call& call);
  napi_value compile(const Call& call);
  napi_value iterations(const Call& call);
  static napi_value run(napi_env env, napi_callback_info info) noexcept;
  napi_value estimate(const Call& call);
  napi_value explain(const Call& call);
  napi_value getStates(const Call& call);
  napi_value setStates(const Call& call);
  napi_value resetStates(const Call& call);
  napi_value dispose(const Call& call);

  Submission startRun(const Call& call);
  // BUSY while a run is under way that the change of `what` would disturb.
  void requireIdle(const char* what) const;
  void requireStatesIdle(const char* what) const;
  void reportMemory();

  std::shared_ptr<Model> model_;
  bool training_ = false;
  // Under way. A prediction reads published weights alone and disturbs nothing but the states.
  int predicting_ = 0, active_ = 0;
  ExternalMemory memory_;
};

}  // namespace sluice::addon
