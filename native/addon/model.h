// The JavaScript class Model. What it consists of (inputs, parameters...) is in model_info.cc, runs
// are in model_run.cc.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/task.h"
#include "addon/wrap.h"
#include "engine/model/model.h"

namespace sluice::addon {

class ModelObject : public Wrapped<ModelObject> {
 public:
  static constexpr const char* kName = "Model";
  static constexpr uint64_t kTag = 0x2f8ab3c65e90d417;

  explicit ModelObject(const Napi::CallbackInfo& info);
  static void define(Napi::Object exports);

  // DISPOSED after dispose(). Hold the pointer while code of the user's may run.
  const std::shared_ptr<Model>& model() const;

  // From the call of a run until its promise settles. The engine's own marks are up only while a
  // run is on the compute thread, which may begin at any moment: they cannot keep apart what is
  // changed here and what is read there.
  void runStarted(RunKind kind);
  void runSettled(RunKind kind) noexcept;

 private:
  Napi::Value inputs(const Napi::CallbackInfo& info);
  Napi::Value outputs(const Napi::CallbackInfo& info);
  Napi::Value outputShapes(const Napi::CallbackInfo& info);
  Napi::Value nodes(const Napi::CallbackInfo& info);
  Napi::Value parameters(const Napi::CallbackInfo& info);
  Napi::Value states(const Napi::CallbackInfo& info);
  Napi::Value getWeights(const Napi::CallbackInfo& info);
  void setWeights(const Napi::CallbackInfo& info);
  void setTrainable(const Napi::CallbackInfo& info);
  void compile(const Napi::CallbackInfo& info);
  Napi::Value iterations(const Napi::CallbackInfo& info);
  static Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value estimate(const Napi::CallbackInfo& info);
  Napi::Value explain(const Napi::CallbackInfo& info);
  static Napi::Value measure(const Napi::CallbackInfo& info);
  Napi::Value getStates(const Napi::CallbackInfo& info);
  void setStates(const Napi::CallbackInfo& info);
  void resetStates(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  Submission startRun(const Napi::CallbackInfo& info);
  Submission startMeasure(const Napi::CallbackInfo& info);
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
