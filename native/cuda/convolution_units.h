// How the windows of a convolution are the rows of a matrix.
#pragma once

#include "cuda/windows.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {

const char* convolutionWhyNot(const OpCall& call) noexcept;

// A unit is a window, or a line of windows: rows of a matrix that begin `step` apart, which may be
// less than their length.
struct WindowUnits {
  Windows windows;        // what is gathered: a unit each
  int64_t count, floats;  // of units, and of each
  int64_t rows = 1;       // of a unit
  int64_t step;           // from row to row of a line
  bool gathered = true;   // else they lie in x, one unit behind the other
  const char* how = "products of gathered windows";

  int64_t chunk() const;  // so many are gathered at once
  int64_t gatheredFloats() const { return gathered ? chunk() * floats : 0; }
};

// Each window by itself.
WindowUnits singleWindows(const ConvolutionExtents& e);
// Where they lie so, or can be brought to lie so with less copying, the windows of a row of the
// batch as one line.
WindowUnits windowLines(const ConvolutionExtents& e);

}  // namespace sluice::cuda
