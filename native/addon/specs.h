// Reading the objects that configure a model or a run.
#pragma once

#include <node_api.h>

#include "engine/model/model.h"

namespace sluice::addon {

TrainingSpec readTrainingSpec(napi_env env, napi_value value);

struct RunArguments {
  RunOptions options;  // without what follows
  // A CancelToken and a Snapshot, or null; not checked yet.
  napi_value cancel = nullptr, weights = nullptr;
};
RunArguments readRunOptions(napi_env env, napi_value value);

// 'train', 'evaluate', 'predict', 'gradients', 'vjp'.
RunKind readRunKind(napi_env env, napi_value value);

}  // namespace sluice::addon
