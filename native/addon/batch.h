// The JavaScript class Batch.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/wrap.h"
#include "engine/model/batch.h"
#include "engine/model/model.h"

namespace sluice::addon {

class BatchObject : public Wrapped<BatchObject> {
 public:
  static constexpr const char* kName = "Batch";
  static constexpr uint64_t kTag = 0x93e5d07b4c1fa682;

  explicit BatchObject(const Napi::CallbackInfo& info);
  static void define(Napi::Object exports);

  // For a run of `model`; INVALID_ARGUMENT if the batch was made for another model, BUSY if a run
  // has it already.
  const std::shared_ptr<Batch>& forRunOf(const std::shared_ptr<Model>& model) const;
  void reportMemory();

 private:
  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value bytes(const Napi::CallbackInfo& info);
  void gather(const Napi::CallbackInfo& info);
  void upload(const Napi::CallbackInfo& info);
  Napi::Value outputShape(const Napi::CallbackInfo& info);
  void scatter(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  // DISPOSED after dispose; BUSY while a run has it.
  Batch& idle() const;
  const OwnedTensor& output(Napi::Value index) const;

  std::shared_ptr<Batch> batch_;
  std::weak_ptr<Model> model_;  // the one it was made for; only compared
  ExternalMemory memory_;
};

}  // namespace sluice::addon
