// What belongs to the process: threads, memory, build.
#pragma once

#include <napi.h>

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.0.0"
#endif

namespace sluice::addon {

// Of the package that this was built from.
inline constexpr const char* kVersion = SLUICE_VERSION;

// Once per process, however many environments load the addon.
void initializeProcess();

// Throws what is wrong with the environment variables that this process was started with: a
// SLUICE_TARGET that cannot be met. Without a model nothing runs, so that is where it is called.
void requireConfiguration();

void defineProcessFunctions(Napi::Object exports);

}  // namespace sluice::addon
