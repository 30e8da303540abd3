// The composition root: what the addon consists of, for each environment that loads it.
#include "addon/batch.h"
#include "addon/cancel.h"
#include "addon/environment.h"
#include "addon/model.h"
#include "addon/process.h"
#include "addon/session.h"
#include "addon/snapshot.h"

NAPI_MODULE_INIT() {
  using namespace sluice::addon;
  return guard(env, [&] {
    initializeProcess();
    Environment::install(env);
    ModelObject::define(env, exports);
    BatchObject::define(env, exports);
    SessionObject::define(env, exports);
    CancelObject::define(env, exports);
    SnapshotObject::define(env, exports);
    defineProcessFunctions(env, exports);
    return exports;
  });
}
