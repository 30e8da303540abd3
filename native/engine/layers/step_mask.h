// Masks that a layer computes from its input, beside those that come with the data.
#pragma once

#include "engine/graph/layer.h"

namespace sluice {

// Gives output 0 the mask of the steps of input 0 that hold anything but `value`, among those that
// count already. Returns it.
ValueId emitStepMask(NodeContext& node, double value);

}  // namespace sluice
