// The composition root: what the addon consists of, for each environment that loads it.
#include <napi.h>

#include "addon/batch.h"
#include "addon/cancel.h"
#include "addon/devices.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "addon/model.h"
#include "addon/process.h"
#include "addon/session.h"
#include "addon/session_pool.h"
#include "addon/snapshot.h"

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  using namespace sluice::addon;
  return guard(env, [&] {
    initializeProcess();
    env.SetInstanceData(new Environment(env));
    ModelObject::define(exports);
    BatchObject::define(exports);
    SessionObject::define(exports);
    SessionPoolObject::define(exports);
    CancelObject::define(exports);
    SnapshotObject::define(exports);
    defineProcessFunctions(exports);
    defineDeviceFunctions(exports);
    return exports;
  });
}

NODE_API_MODULE(sluice, initialize)
