// Times the ops of a plan.
#pragma once

#include <memory>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/model/run_site.h"
#include "engine/model/snapshot.h"
#include "engine/plan/frame.h"
#include "engine/runtime/cancel.h"

namespace sluice {

// Everything that a plan reads from outside, for as long as this lives: numbers in [-1, 1), class
// 0, valid steps.
class MadeUpInputs {
 public:
  // Fills in the pointers of `memory`.
  MadeUpInputs(const BoundPlan& plan, const Graph& graph, RunMemory& memory);

 private:
  std::vector<Buffer> buffers_;
};

// Seconds of each op: medians over several runs on made-up inputs, targets and states. Takes a
// tenth of a second, or a few runs where these take longer. On a thread of the scheduler.
std::vector<double> measureOps(const std::shared_ptr<const BoundPlan>& plan, const Graph& graph,
                               const Snapshot& weights, RunSite& site, const CancelToken* cancel);

}  // namespace sluice
