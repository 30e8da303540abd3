#include "cpu/recurrent_describe.h"

#include "cpu/recurrent_grid.h"
#include "cpu/recurrent_recompute.h"

namespace sluice::cpu {
namespace {

double asDouble(int64_t n) { return static_cast<double>(n); }

// With what a forward pass computes in a step of a row: x W and h R.
double forwardFlop(const RecurrentExtents& e) {
  return 2 * asDouble(e.cell->gates * e.H) * asDouble(e.H + e.I);
}

// How the threads share out the call, and how long that takes by the model that decides it.
KernelChoice shared(const OpCall& call, const RecurrentExtents& e, double passes, double flop) {
  const bool fused = e.cell->isFused(call.attr<RecurrentAttributes>());
  const RecurrentGrid grid = chooseRecurrentGrid(e, fused, call.context->threads, passes);
  KernelChoice choice;
  choice.split = grid.members == 1 ? "rows" : grid.groups == 1 ? "units" : "rows and units";
  choice.threads = grid.threads();
  choice.flop = asDouble(e.B) * asDouble(e.T) * flop;
  choice.seconds = expectedRecurrentNs(e, grid, passes) * 1e-9;
  choice.detour = e.cell->detour(call.attr<RecurrentAttributes>());
  return choice;
}

}  // namespace

KernelChoice recurrentDescribe(const OpCall& call) noexcept {
  const RecurrentExtents e = recurrentExtents(call);
  KernelChoice choice = shared(call, e, kRecurrentForwardPasses, forwardFlop(e));
  choice.how = e.cell->isFused(call.attr<RecurrentAttributes>())
                   ? "own products, gates in their registers"
                   : "own products, gates after them";
  return choice;
}

KernelChoice recurrentDescribeBackward(const OpCall& call) noexcept {
  const RecurrentExtents e = recurrentExtents(call);
  const bool recompute = RecurrentRecompute::recomputes(e, call.attr<RecurrentAttributes>());
  const double columns = 2 * asDouble(e.cell->gates * e.H);
  double flop = columns * asDouble(e.H);
  if (call.out[recurrentBackward::kDx].present()) flop += columns * asDouble(e.I);
  const bool weights = call.out[recurrentBackward::kDKernel].present();
  if (weights) flop += forwardFlop(e);
  if (recompute) flop += forwardFlop(e);
  KernelChoice choice = shared(call, e, kRecurrentBackwardPasses, flop);
  choice.how = recompute ? "own products, also for weight gradients, gates computed again"
                         : "own products, also for weight gradients";
  if (!weights) choice.how = recompute ? "own products, gates computed again" : "own products";
  return choice;
}

}  // namespace sluice::cpu
