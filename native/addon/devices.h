// The devices of the process: what it has, and libraries with more of them.
#pragma once

#include <napi.h>

namespace sluice::addon {

// Those that are compiled in.
void registerBackends();

void defineDeviceFunctions(Napi::Object exports);

}  // namespace sluice::addon
