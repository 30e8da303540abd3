// What the attention layers share: which positions a query sees, and what it takes from them.
#pragma once

#include "engine/layers/layers.h"

namespace sluice {

// Inputs: query [B,Q,...], value [B,V,...] and, where there is a third one, key [B,V,...]; else the
// value is the key as well.
class Attention {
 public:
  // Reads dropout and useCausalMask and checks the inputs.
  void build(LayerBuild& build, int64_t heads, double factor);
  int keyInput() const { return key_; }

  // In this order at the front of node.saved(), where `see` and `attend` put them.
  enum Saved { kMask, kValue, kKey, kScores, kWeights, kDropped, kSavedCount };

  // Value and key as they may be read. A position counts where the masks of both say so; what only
  // the other one's mask hides is zeroed, since it may be anything.
  void see(NodeContext& node) const;
  // From scores [B,N,Q,V] to context [B,Q,N columns]; values are [B,V,N columns]. `scale`: a
  // parameter, or kNoValue.
  void attend(NodeContext& node, ValueId scores, ValueId scale, ValueId values,
              ValueId context) const;
  // The gradient of the scores. dScale and dValues may be kNoValue.
  ValueId attendBackward(NodeContext& node, ValueId scale, ValueId values, ValueId dContext,
                         ValueId dScale, ValueId dValues) const;
  // Hands the gradient of value or key, as read, on to its input; kNoValue: there is none.
  void setGradient(NodeContext& node, int input, ValueId gradient) const;

  // c = a b, each factor transposed where asked, by heads.
  void product(NodeContext& node, ValueId a, bool transposeA, ValueId b, bool transposeB,
               ValueId c) const;

  // The output of a masked query is zero. Where to write it before, and what to do then.
  ValueId rawOutput(NodeContext& node) const;
  void finishOutput(NodeContext& node, ValueId raw) const;
  ValueId rawOutputGradient(NodeContext& node, ValueId gradient) const;

 private:
  ValueId mask(NodeContext& node) const;
  bool drops(const NodeContext& node) const { return node.training() && dropout_.rate > 0; }

  int key_ = 1;
  int64_t heads_ = 1;
  AttentionWeightsAttributes weights_;
  DropoutAttributes dropout_;
};

}  // namespace sluice
