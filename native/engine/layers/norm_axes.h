// The axes that a normalization is over, put last and taken for one.
#pragma once

#include <vector>

#include "engine/graph/layer.h"

namespace sluice {

class NormAxes {
 public:
  // `axes`: of input 0, perhaps from the end. UNSUPPORTED for the batch, CONFIG for one that is not
  // there or there twice, SHAPE_MISMATCH where its extent is not known.
  void build(LayerBuild& build, const std::vector<int64_t>& axes);

  // The extents along the axes: the shape of parameters.
  const Shape& features() const { return features_; }
  bool has(int axis) const;

  // x with the axes last, as one: a view where they are the last ones.
  ValueId rows(NodeContext& node, ValueId x) const;
  // Where rows are written that become `x` once `finish` is called.
  ValueId newRows(NodeContext& node, ValueId x) const;
  void finish(NodeContext& node, ValueId rows, ValueId x) const;
  // A parameter as one axis; kNoValue stays.
  ValueId flat(NodeContext& node, ValueId parameter) const;

 private:
  Shape moved(const Shape& x) const;
  Shape asRows(const Shape& moved) const;

  std::vector<int> axes_;  // in order
  Shape features_ = makeShape();
  PermuteAttributes forward_, backward_;
  bool moves_ = false;
};

}  // namespace sluice
