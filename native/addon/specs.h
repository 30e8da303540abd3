// Reading the objects that configure a model or a run.
#pragma once

#include <node_api.h>

#include "engine/model/model.h"

namespace sluice::addon {

TrainingSpec readTrainingSpec(napi_env env, napi_value value);

struct RunArguments {
  RunOptions options;           // without the cancel token
  napi_value cancel = nullptr;  // a CancelToken or null, not checked yet
};
RunArguments readRunOptions(napi_env env, napi_value value);

// 'train', 'evaluate', 'predict', 'gradients', 'vjp'.
RunKind readRunKind(napi_env env, napi_value value);

}  // namespace sluice::addon
