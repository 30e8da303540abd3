// What belongs to the process: backends, threads, build.
#pragma once

#include <napi.h>

namespace sluice::addon {

// Once per process, however many environments load the addon.
void initializeProcess();

// Throws what is wrong with the environment variables that this process was started with: a
// SLUICE_TARGET that cannot be met. Without a model nothing runs, so that is where it is called.
void requireConfiguration();

void defineProcessFunctions(Napi::Object exports);

}  // namespace sluice::addon
