// The JavaScript class Snapshot: the weights of one step, for several runs.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/wrap.h"
#include "engine/model/model.h"

namespace sluice::addon {

class SnapshotObject : public Wrapped<SnapshotObject> {
 public:
  static constexpr const char* kName = "Snapshot";
  static constexpr uint64_t kTag = 0x91c7d0e2f4b86a35;

  explicit SnapshotObject(const Napi::CallbackInfo& info);
  static void define(Napi::Object exports);

  // DISPOSED after dispose(), INVALID_ARGUMENT for another model's run.
  const std::shared_ptr<Snapshot>& forRunOf(const std::shared_ptr<Model>& model) const;

 private:
  void dispose(const Napi::CallbackInfo& info);

  std::weak_ptr<Model> model_;
  std::shared_ptr<Snapshot> weights_;
};

}  // namespace sluice::addon
