#include "cuda/table.h"

#include <cstring>

#include "cuda/kernels.h"

namespace sluice::cuda {

const Kernel* kernelNamed(const char* op) noexcept {
  struct Entry {
    const char* op;
    Kernel kernel;
  };
  static const Entry kTable[] = {
      {"dense", denseKernel()},
      {"denseBackward", denseBackwardKernel()},
      {"activation", activationKernel()},
      {"activationBackward", activationBackwardKernel()},
      {"loss", lossKernel()},
      {"metric", metricKernel()},
      {"penalty", penaltyKernel()},
      {"optimize", optimizeKernel()},
      {"constrain", constrainKernel()},
  };
  for (const Entry& entry : kTable)
    if (std::strcmp(entry.op, op) == 0) return &entry.kernel;
  return nullptr;
}

}  // namespace sluice::cuda
