#include "cuda/convolution_units.h"

// What is gathered at once: it stays in the second-level cache until it is multiplied. Builds for
// tests set less, so that small ones come in several chunks.
#ifndef SLUICE_GATHERED_FLOATS
#define SLUICE_GATHERED_FLOATS (1 << 22)
#endif

namespace sluice::cuda {

const char* convolutionWhyNot(const OpCall& call) noexcept {
  const ConvolutionExtents e(call);
  constexpr int64_t kMost = 1 << 30;  // what products count to
  if (std::max(e.floats, e.filters) > kMost) return "a window or the kernel is too large";
  return windowsWhyNot(e.windows);
}

int64_t WindowUnits::chunk() const {
  constexpr int64_t kFloats = SLUICE_GATHERED_FLOATS;
  if (!gathered) return count;
  return std::clamp<int64_t>(kFloats / std::max<int64_t>(floats, 1), 1,
                             std::max<int64_t>(count, 1));
}

WindowUnits singleWindows(const ConvolutionExtents& e) {
  WindowUnits units{.windows = e.windows, .count = e.count, .floats = e.floats, .step = e.floats};
  const WindowAxis &h = e.windows.h, &w = e.windows.w;
  const bool oneBehindTheOther = h.size == 1 && h.stride == 1 && w.before == 0 &&
                                 (w.dilation == 1 || w.size == 1) && w.size == w.stride &&
                                 w.in == w.out * w.stride;
  if (oneBehindTheOther) {
    units.gathered = false;
    units.how = "products of rows";
  }
  return units;
}

WindowUnits windowLines(const ConvolutionExtents& e) {
  constexpr int64_t kLeastRows = 32;  // of a product, to be worth it
  const WindowUnits single = singleWindows(e);
  const WindowAxis& w = e.windows.w;
  if (!single.gathered || e.windows.stepsAreRows || w.dilation != 1 || w.out < kLeastRows)
    return single;
  // A row of the batch, padded.
  WindowUnits units = single;
  const int64_t length = (w.out - 1) * w.stride + w.size, channels = e.windows.channels;
  units.gathered = w.before > 0 || length > w.in;
  if (units.gathered && w.stride >= w.size) return single;
  units.count = e.windows.rows;
  units.floats = (units.gathered ? length : w.in) * channels;
  units.rows = w.out;
  units.step = w.stride * channels;
  units.windows.w.size = length;
  units.windows.w.out = 1;
  units.how = units.gathered ? "products of padded rows" : "products of overlapping rows";
  return units;
}

}  // namespace sluice::cuda
