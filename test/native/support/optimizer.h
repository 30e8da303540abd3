// Optimizer calls for native tests.
#pragma once

#include "support/launch.h"

namespace sluice::test {

// How many slots the attributes need.
inline int slotCount(const OptimizerAttributes& a) {
  switch (a.kind) {
    case OptimizerKind::Sgd:
      return a.momentum != 0 ? 1 : 0;
    case OptimizerKind::Rmsprop:
      return a.momentum != 0 ? 2 : 1;
    default:
      return 2;
  }
}

// Slots start at zero. `attributes` must outlive the case.
inline Case optimizeCase(const OptimizerAttributes& attributes, const Tensor& parameters,
                         const Tensor& gradients) {
  Case c{Op::Optimize,
         &attributes,
         {parameters, gradients, Tensor()},
         std::vector<Tensor>(optimize::kOutCount)};
  c.out[optimize::kUpdated] = Tensor(parameters.dtype(), parameters.shape());
  for (int i = 0; i < slotCount(attributes); ++i) {
    c.out[static_cast<size_t>(optimize::kSlot0 + i)] =
        Tensor::filled(parameters.dtype(), parameters.shape(), 0);
  }
  return c;
}

}  // namespace sluice::test
