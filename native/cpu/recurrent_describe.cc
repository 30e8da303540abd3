#include "cpu/gru_describe.h"

#include "cpu/gru_grid.h"

namespace sluice::cpu {
namespace {

double asDouble(int64_t n) { return static_cast<double>(n); }

// With what a forward pass computes in a step of a row: x W and h R.
double forwardFlop(const GruExtents& e) { return 6 * asDouble(e.H) * asDouble(e.H + e.I); }

// How the threads share out the call, and how long that takes by the model that decides it.
KernelChoice shared(const OpCall& call, const GruExtents& e, double passes, double flop) {
  const bool fused = gruIsFused(call.attr<GruAttributes>());
  const GruGrid grid = chooseGruGrid(e, fused, call.context->threads, passes);
  KernelChoice choice;
  choice.split = grid.members == 1 ? "rows" : grid.groups == 1 ? "units" : "rows and units";
  choice.threads = grid.threads();
  choice.flop = asDouble(e.B) * asDouble(e.T) * flop;
  choice.seconds = expectedGruNs(e, grid, passes) * 1e-9;
  return choice;
}

}  // namespace

KernelChoice gruDescribe(const OpCall& call) noexcept {
  const GruExtents e = gruExtents(call);
  KernelChoice choice = shared(call, e, kGruForwardPasses, forwardFlop(e));
  choice.how = gruIsFused(call.attr<GruAttributes>()) ? "own products, gates in their registers"
                                                      : "own products, gates after them";
  return choice;
}

KernelChoice gruDescribeBackward(const OpCall& call) noexcept {
  const GruExtents e = gruExtents(call);
  const bool recompute = call.attr<GruAttributes>().recompute != 0;
  double flop = 6 * asDouble(e.H) * asDouble(e.H);
  if (call.out[gruBackward::kDx].present()) flop += 6 * asDouble(e.H) * asDouble(e.I);
  const bool weights = call.out[gruBackward::kDKernel].present();
  if (weights) flop += forwardFlop(e);
  if (recompute) flop += forwardFlop(e);
  KernelChoice choice = shared(call, e, kGruBackwardPasses, flop);
  choice.how = recompute ? "own products, also for weight gradients, gates computed again"
                         : "own products, also for weight gradients";
  if (!weights) choice.how = recompute ? "own products, gates computed again" : "own products";
  return choice;
}

}  // namespace sluice::cpu
