// What the GRU's kernels say of themselves (Kernel::describe).
#pragma once

#include "engine/backend/backend.h"

namespace sluice::cpu {

KernelChoice recurrentDescribe(const OpCall& call) noexcept;
KernelChoice recurrentDescribeBackward(const OpCall& call) noexcept;

}  // namespace sluice::cpu
