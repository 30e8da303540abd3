#include "addon/snapshot.h"

#include "addon/model.h"

namespace sluice::addon {

SnapshotObject::SnapshotObject(const Call& call) {
  const auto& model = unwrap<ModelObject>(call.env, call[0], "model").model();
  model_ = model;
  weights_ = model->currentWeights();
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
napi_value SnapshotObject::dispose(const Call&) {
  weights_.reset();
  return nullptr;
}

void SnapshotObject::define(napi_env env, napi_value exports) {
  defineClass<SnapshotObject>(env, exports, {method<&SnapshotObject::dispose>("dispose")});
}

}  // namespace sluice::addon
