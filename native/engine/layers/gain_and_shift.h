// The gamma and beta of a normalization: one of each a feature, both optional.
#pragma once

#include "engine/graph/layer.h"

namespace sluice {

class GainAndShift {
 public:
  // Reads the options and adds the parameters, which come first.
  void build(LayerBuild& build, const Shape& features) {
    scale_ = build.options.boolean("scale");
    center_ = build.options.boolean("center");
    const WeightOptions gamma = build.options.weight("gamma"), beta = build.options.weight("beta");
    if (scale_) build.addWeight("gamma", features, gamma);
    if (center_) build.addWeight("beta", features, beta);
  }

  int parameterCount() const { return (scale_ ? 1 : 0) + (center_ ? 1 : 0); }
  // kNoValue where there is none.
  ValueId gamma(const NodeContext& node) const { return scale_ ? node.parameter(0) : kNoValue; }
  ValueId beta(const NodeContext& node) const {
    return center_ ? node.parameter(betaIndex()) : kNoValue;
  }
  ValueId gradGamma(NodeContext& node) const { return scale_ ? node.gradParameter(0) : kNoValue; }
  ValueId gradBeta(NodeContext& node) const {
    return center_ ? node.gradParameter(betaIndex()) : kNoValue;
  }

 private:
  int betaIndex() const { return scale_ ? 1 : 0; }

  bool scale_ = true;
  bool center_ = true;
};

}  // namespace sluice
