// Windows as kernels count through them, in 32 bits: windowsWhyNot() has seen that they fit.
#pragma once

#include <cuda_runtime.h>

#include <numeric>

#include "engine/backend/window.h"

namespace sluice::cuda {

// One axis.
struct WindowLine {
  int32_t in, out, size, stride, dilation, before;
  int32_t repeat;  // from one element that lies at a position to the next one, in other windows

  explicit WindowLine(const WindowAxis& axis)
      : in(static_cast<int32_t>(axis.in)),
        out(static_cast<int32_t>(axis.out)),
        size(static_cast<int32_t>(axis.size)),
        stride(static_cast<int32_t>(axis.stride)),
        dilation(static_cast<int32_t>(axis.dilation)),
        before(static_cast<int32_t>(axis.before)),
        repeat(stride / std::gcd(stride, dilation)) {}

  __device__ int at(int window, int element) const {
    return window * stride + element * dilation - before;
  }
  __device__ bool holds(int position) const { return position >= 0 && position < in; }

  // visit(window, element) for each element of a window that lies at this position, the first
  // element first.
  template <typename Visit>
  __device__ void eachWindow(int position, const Visit& visit) const {
    const int place = position + before;  // from the beginning of the first window
    const int beyond = place - (out - 1) * stride;
    int element = beyond > 0 ? (beyond + dilation - 1) / dilation : 0;
    const int last = place / dilation, end = last < size ? last + 1 : size;
    while (element < end && (place - element * dilation) % stride != 0) ++element;
    for (; element < end; element += repeat) visit((place - element * dilation) / stride, element);
  }
};

// Both axes of a call, and the rows of the batch.
struct WindowGrid {
  WindowLine h, w;
  bool stepsAreRows;

  explicit WindowGrid(const Windows& n) : h(n.h), w(n.w), stepsAreRows(n.stepsAreRows) {}

  struct Place {
    int row, h, w;
  };
  // A window, or a position, by its number among those of all rows.
  __device__ Place window(int number) const { return placeOf(number, h.out, w.out); }
  __device__ Place position(int number) const { return placeOf(number, h.in, w.in); }
  __device__ int windowNumber(int row, int oh, int ow) const {
    return (row * h.out + oh) * w.out + ow;
  }
  __device__ int positionNumber(int row, int ih, int iw) const {
    return (row * h.in + ih) * w.in + iw;
  }
  __host__ __device__ int taps() const { return h.size * w.size; }

  // visit(position, tap) for each element of a window that lies inside.
  template <typename Visit>
  __device__ void eachElement(const Place& place, const Visit& visit) const {
    for (int i = 0; i < h.size; ++i) {
      const int ih = h.at(place.h, i);
      if (!h.holds(ih)) continue;
      for (int j = 0; j < w.size; ++j) {
        const int iw = w.at(place.w, j);
        if (w.holds(iw)) visit(positionNumber(place.row, ih, iw), i * w.size + j);
      }
    }
  }
  // visit(window, tap) for each element of a window that lies at this position.
  template <typename Visit>
  __device__ void eachWindow(const Place& place, const Visit& visit) const {
    h.eachWindow(place.h, [&](int oh, int i) {
      w.eachWindow(place.w,
                   [&](int ow, int j) { visit(windowNumber(place.row, oh, ow), i * w.size + j); });
    });
  }
  // Where an element of a window lies; -1 outside.
  __device__ int positionOf(const Place& place, int tap) const {
    const int i = tap / w.size, ih = h.at(place.h, i), iw = w.at(place.w, tap - i * w.size);
    return h.holds(ih) && w.holds(iw) ? positionNumber(place.row, ih, iw) : -1;
  }
  // Where a position's step stands in a mask [B,steps].
  __device__ int step(int position) const { return stepsAreRows ? position / w.in : position; }

 private:
  static __device__ Place placeOf(int number, int down, int across) {
    const int line = number / across, row = line / down;
    return {row, line - row * down, number - line * across};
  }
};

}  // namespace sluice::cuda
