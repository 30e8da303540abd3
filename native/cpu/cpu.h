// The CPU backend: SIMD kernels for every instruction set in one binary, BLAS and OpenMP.
#pragma once

#include <memory>

#include "engine/backend/backend.h"

namespace sluice {

// Throws DEVICE_UNAVAILABLE where the linked BLAS cannot be trusted.
std::unique_ptr<Backend> makeCpuBackend();

}  // namespace sluice
