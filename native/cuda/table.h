// Which ops have a kernel here.
#pragma once

#include "engine/backend/kernel.h"

namespace sluice::cuda {

// Null where there is none.
const Kernel* kernelNamed(const char* op) noexcept;

}  // namespace sluice::cuda
