// The JavaScript class Batch.
#pragma once

#include <node_api.h>

#include <memory>

#include "addon/wrap.h"
#include "engine/model/batch.h"
#include "engine/model/model.h"

namespace sluice::addon {

class BatchObject {
 public:
  static constexpr const char* kName = "Batch";
  static constexpr uint64_t kTag = 0x93e5d07b4c1fa682;

  explicit BatchObject(const Call& call);
  static void define(napi_env env, napi_value exports);

  // For a run of `model`; INVALID_ARGUMENT if the batch was made for another model, BUSY if a run
  // has it already.
  const std::shared_ptr<Batch>& forRunOf(const std::shared_ptr<Model>& model) const;
  void reportMemory();

 private:
  napi_value rows(const Call& call);
  napi_value bytes(const Call& call);
  napi_value gather(const Call& call);
  napi_value outputShape(const Call& call);
  napi_value scatter(const Call& call);
  napi_value dispose(const Call& call);

  // DISPOSED after dispose; BUSY while a run has it.
  Batch& idle() const;
  const OwnedTensor& output(napi_env env, napi_value index) const;

  std::shared_ptr<Batch> batch_;
  std::weak_ptr<Model> model_;  // the one it was made for; only compared
  ExternalMemory memory_;
};

}  // namespace sluice::addon
