// How recurrences run, for people.
#pragma once

#include "engine/backend/kernel.h"

namespace sluice::cuda {

KernelChoice recurrentDescribe(const OpCall& call) noexcept;
KernelChoice recurrentDescribeBackward(const OpCall& call) noexcept;

}  // namespace sluice::cuda
