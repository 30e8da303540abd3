#include "cuda/recurrent_norm.h"

namespace sluice::cuda {

int32_t leaveSums(const OpCall& call, StepTile which, const StepOperands& operands,
                  const SumStep& step) noexcept {
  return withTile<1>(which, call.context->precision,
                     [&](auto tile) { return launchTail(call, tile, operands, SumTail{step}); });
}

}  // namespace sluice::cuda
