// What belongs to the process: backends, threads, build.
#pragma once

#include <node_api.h>

namespace sluice::addon {

// Once per process, however many environments load the addon.
void initializeProcess();

void defineProcessFunctions(napi_env env, napi_value exports);

}  // namespace sluice::addon
