// Short forms for the arguments of a call, common to all backends.
#pragma once

#include "engine/backend/op.h"
#include "engine/backend/window.h"

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

// A convolution as a product: its windows are the rows of a matrix. The same inputs stand first in
// the forward and the backward call.
struct ConvolutionExtents {
  explicit ConvolutionExtents(const OpCall& call)
      : windows(call.attr<WindowAttributes>(), call.in[convolution::kX].shape),
        floats(windows.floats()),
        filters(call.in[convolution::kKernel].shape.last()),
        count(windows.rows * windows.windows()) {}

  double flop() const {
    return 2.0 * static_cast<double>(count) * static_cast<double>(floats) *
           static_cast<double>(filters);
  }

  Windows windows;
  int64_t floats;  // of a window
  int64_t filters;
  int64_t count;  // of windows
};

}  // namespace sluice
