// Short forms for the arguments of a call, common to all backends.
#pragma once

#include "engine/backend/op.h"

namespace sluice {

// The data of an argument; null where it is absent.
template <typename T = float>
const T* input(const OpCall& call, int index) {
  return index < call.inCount && call.in[index].present() ? call.in[index].as<const T>() : nullptr;
}
template <typename T = float>
T* output(const OpCall& call, int index) {
  return index < call.outCount && call.out[index].present() ? call.out[index].as<T>() : nullptr;
}

struct DenseExtents {
  int64_t rows, inputs, outputs;
};
// The same inputs stand first in the forward and the backward call.
inline DenseExtents denseExtents(const OpCall& call) {
  const Shape& x = call.in[dense::kX].shape;
  const int64_t inputs = x.last(), floats = call.in[dense::kKernel].shape.elements();
  return {x.rows(), inputs, inputs > 0 ? floats / inputs : 0};
}

}  // namespace sluice
