// What belongs to the process: backends, threads, build.
#pragma once

#include <napi.h>

namespace sluice::addon {

// Once per process, however many environments load the addon.
void initializeProcess();

void defineProcessFunctions(Napi::Object exports);

}  // namespace sluice::addon
