// What layers of several inputs make of the inputs' masks.
#pragma once

#include "engine/graph/layer.h"

namespace sluice {

struct JoinedMask {
  ValueId mask = kNoValue;  // a step counts where it counts in every input that has a mask
  // Whether some input's own mask is another one: that input may hold anything at a step that only
  // another one masks, so the result has to be zeroed there.
  bool disagree = false;
};
JoinedMask joinMasks(NodeContext& node, int inputs);
// Of these inputs alone.
JoinedMask joinMasks(NodeContext& node, const std::vector<int>& inputs);

// Likewise of what a graph knows beforehand.
void joinMasked(const std::vector<NodeOutput>& inputs, NodeOutput& output);

}  // namespace sluice
