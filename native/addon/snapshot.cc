#include "addon/snapshot.h"

#include "addon/model.h"

namespace sluice::addon {

SnapshotObject::SnapshotObject(const Napi::CallbackInfo& info) : Wrapped(info) {
  guard(info.Env(), [&] {
    const auto& model = ModelObject::from(info[0], "model").model();
    model_ = model;
    weights_ = model->currentWeights();
  });
}

const std::shared_ptr<Snapshot>& SnapshotObject::forRunOf(
    const std::shared_ptr<Model>& model) const {
  if (!weights_) fail(Code::Disposed, "the snapshot was disposed");
  if (model_.lock() != model)
    fail(Code::InvalidArgument, "the snapshot is of another model", {.option = "options.weights"});
  return weights_;
}

// Training writes its steps into memory that nobody reads any more: the sooner it is let go of, the
// better.
void SnapshotObject::dispose(const Napi::CallbackInfo&) { weights_.reset(); }

void SnapshotObject::define(Napi::Object exports) {
  Wrapped::define(exports, {method<&SnapshotObject::dispose>(exports.Env(), "dispose")});
}

}  // namespace sluice::addon
