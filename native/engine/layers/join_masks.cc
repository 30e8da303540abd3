#include "engine/layers/join_masks.h"

namespace sluice {

JoinedMask joinMasks(NodeContext& node, int inputs) {
  JoinedMask joined;
  for (int i = 0; i < inputs; ++i) {
    const ValueId other = node.mask(i);
    joined.disagree = joined.disagree || (i > 0 && other != joined.mask);
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
