// The kernels of the backend: one function an op, defined in the file of that op. table.cc names
// them all.
#pragma once

#include "engine/backend/kernel.h"

namespace sluice::cuda {

Kernel denseKernel();
Kernel denseBackwardKernel();
Kernel activationKernel();
Kernel activationBackwardKernel();
Kernel lossKernel();
Kernel metricKernel();
Kernel penaltyKernel();
Kernel optimizeKernel();
Kernel constrainKernel();

}  // namespace sluice::cuda
