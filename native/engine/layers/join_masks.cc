#include "engine/layers/join_masks.h"

#include <numeric>

namespace sluice {

JoinedMask joinMasks(NodeContext& node, int inputs) {
  std::vector<int> all(static_cast<size_t>(inputs));
  std::iota(all.begin(), all.end(), 0);
  return joinMasks(node, all);
}

JoinedMask joinMasks(NodeContext& node, const std::vector<int>& inputs) {
  JoinedMask joined;
  for (const int i : inputs) {
    const ValueId other = node.mask(i);
    joined.disagree = joined.disagree || (i != inputs[0] && other != joined.mask);
    if (other == kNoValue || other == joined.mask) continue;
    if (joined.mask == kNoValue) {
      joined.mask = other;
      continue;
    }
    const ValueId both = node.newValue(node.shapeOf(joined.mask), DType::Bool);
    node.emit(Op::MaskAnd, nullptr, {joined.mask, other}, {both});
    joined.mask = both;
  }
  return joined;
}

void joinMasked(const std::vector<NodeOutput>& inputs, NodeOutput& output) {
  output.masked = output.alwaysMasked = false;
  for (const NodeOutput& input : inputs) {
    output.masked = output.masked || input.masked;
    output.alwaysMasked = output.alwaysMasked || input.alwaysMasked;
  }
}

}  // namespace sluice
