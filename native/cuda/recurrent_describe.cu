#include "cuda/recurrent_describe.h"

#include "cuda/recurrent_layout.h"

namespace sluice::cuda {
namespace {

KernelChoice choice(const OpCall& call, const RecurrentExtents& e, const StepColumns& columns,
                    double passes) {
  KernelChoice choice;
  choice.split = "rows and units";
  choice.how = tileExtents(e.tile(columns), columns.gates(), e.precision).how;
  choice.flop = passes * static_cast<double>(e.B * e.T) * static_cast<double>(e.columns());
  if (e.cell->resetsBefore()) choice.detour = "with resetAfter: false a step is two kernels";
  if (e.cell->norms()) choice.detour = "with layerNorm a step is two kernels";
  if (call.attr<RecurrentAttributes>().recompute)
    choice.detour = "memory: 'low' keeps the gates all the same";
  return choice;
}

}  // namespace

KernelChoice recurrentDescribe(const OpCall& call) noexcept {
  const RecurrentExtents e(call);
  return choice(call, e, e.forwardColumns(), 2 * static_cast<double>(e.H + e.I));
}

KernelChoice recurrentDescribeBackward(const OpCall& call) noexcept {
  const RecurrentExtents e(call);
  double passes = static_cast<double>(e.H);
  if (call.out[recurrentBackward::kDx].present()) passes += static_cast<double>(e.I);
  if (call.out[recurrentBackward::kDKernel].present()) passes += static_cast<double>(e.H + e.I);
  return choice(call, e, e.backwardColumns(), 2 * passes);
}

}  // namespace sluice::cuda
