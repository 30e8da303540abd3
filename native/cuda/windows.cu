#include "cuda/windows.h"

#include <algorithm>

#include "cuda/device/windows.h"
#include "cuda/loops.h"

namespace sluice::cuda {

const char* windowsWhyNot(const Windows& n) noexcept {
  // Sums of two of them, a window's place and its size, are counted with as well.
  constexpr int64_t kMost = 1 << 29;
  for (const WindowAxis& axis : {n.h, n.w}) {
    const int64_t reach = (axis.size - 1) * axis.dilation + 1;
    if (std::max({axis.in, axis.out, axis.stride, axis.dilation, reach}) > kMost)
      return "an axis is longer than it counts";
  }
  if (std::max({n.rows * n.positions(), n.rows * n.windows(), n.taps()}) > kMost)
    return "there are more positions than it counts";
  return nullptr;
}

int32_t gatherWindows(const OpCall& call, const Windows& windows, const float* x,
                      const float* before, int64_t first, int64_t count, float* to) noexcept {
  const WindowGrid n(windows);
  const int taps = n.taps(), begin = static_cast<int>(first);
  const int64_t C = windows.channels;
  return forEachOfRows(call, count * taps, C, [=] __device__(int64_t row, int64_t c) {
    const int window = static_cast<int>(row) / taps, tap = static_cast<int>(row) - window * taps;
    const WindowGrid::Place place = n.window(begin + window);
    const int position = n.positionOf(place, tap);
    float value = 0;
    if (position >= 0) {
      value = x[position * C + c];
    } else if (before) {
      const int iw = n.w.at(place.w, tap);
      if (iw < 0) value = before[(int64_t{place.row + 1} * n.w.before + iw) * C + c];
    }
    to[row * C + c] = value;
  });
}

int32_t sumWindows(const OpCall& call, const Windows& windows, const float* from, int64_t first,
                   int64_t count, float* dx) noexcept {
  const WindowGrid n(windows);
  const int taps = n.taps(), begin = static_cast<int>(first), many = static_cast<int>(count);
  const int64_t C = windows.channels, perRow = windows.windows();
  const int64_t firstRow = first / perRow, lastRow = (first + count - 1) / perRow;
  const int64_t firstPosition = firstRow * windows.positions();
  const bool goesOn = firstRow * perRow < first;  // the first of these rows, alone
  return forEachOfRows(call, (lastRow - firstRow + 1) * windows.positions(), C,
                       [=] __device__(int64_t position, int64_t c) {
                         const auto number = static_cast<int>(firstPosition + position);
                         const WindowGrid::Place place = n.position(number);
                         float* to = dx + number * C + c;
                         float sum = goesOn && place.row == firstRow ? *to : 0.0f;
                         n.eachWindow(place, [&](int window, int tap) {
                           const int own = window - begin;
                           if (own >= 0 && own < many)
                             sum += from[(int64_t{own} * taps + tap) * C + c];
                         });
                         *to = sum;
                       });
}

}  // namespace sluice::cuda
