// Windows that slide over the axes between batch and channels: what convolution and pooling share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core/tensor.h"

namespace sluice {

// With n positions and windows that reach over r of them. Valid: windows inside alone, as many as
// fit. Same: ceil(n / stride) windows, the padding that takes shared out evenly, the odd one behind
// (TensorFlow's rule, and so Keras'). Causal: the same number, all padding before.
enum class Padding : int32_t { Valid, Same, Causal };

struct WindowAttributes {
  int32_t axes = 1;          // 1: [B,W,C]; 2: [B,H,W,C]
  int32_t whole = 0;         // one window over all positions, whose size is that of the tensor
  int64_t size[2] = {1, 1};  // along H and W; with one axis the first is 1
  int64_t stride[2] = {1, 1};
  int64_t dilation[2] = {1, 1};  // from one element of a window to the next
  Padding padding = Padding::Valid;
};

// Positions that a window reaches over.
inline int64_t windowReach(const WindowAttributes& attributes, int axis) {
  return (attributes.size[axis] - 1) * attributes.dilation[axis] + 1;
}
// The number of windows is floor((positions + shift) / stride).
inline int64_t windowShift(const WindowAttributes& attributes, int axis) {
  const int64_t stride = attributes.stride[axis];
  return stride - (attributes.padding == Padding::Valid ? windowReach(attributes, axis) : 1);
}

// One axis of a call.
struct WindowAxis {
  int64_t in = 1, out = 1, size = 1, stride = 1, dilation = 1;
  int64_t before = 0;  // padding in front

  WindowAxis() = default;
  WindowAxis(const WindowAttributes& attributes, int axis, int64_t positions)
      : in(positions),
        size(attributes.size[axis]),
        stride(attributes.stride[axis]),
        dilation(attributes.dilation[axis]) {
    if (attributes.whole) {
      size = in;
      return;
    }
    const int64_t reach = windowReach(attributes, axis);
    out = (in + windowShift(attributes, axis)) / stride;
    if (attributes.padding == Padding::Causal) before = reach - 1;
    if (attributes.padding == Padding::Same)
      before = std::max<int64_t>(0, (out - 1) * stride + reach - in) / 2;
  }
  // Where an element of a window lies; from 0 to in - 1, or in the padding.
  int64_t at(int64_t window, int64_t element) const {
    return window * stride + element * dilation - before;
  }
  bool holds(int64_t position) const { return position >= 0 && position < in; }
  struct Span {
    int64_t begin, end;  // none where end is not more
  };
  // The elements of a window that lie inside.
  Span inside(int64_t window) const {
    const int64_t first = at(window, 0);
    if (first >= 0 && at(window, size - 1) < in) return {0, size};  // most of them, undivided
    const auto ceil = [this](int64_t n) { return (n + dilation - 1) / dilation; };
    return {first < 0 ? ceil(-first) : 0, first < in ? std::min(size, ceil(in - first)) : 0};
  }
  // The windows that lie inside as a whole.
  Span whole() const {
    const int64_t last = in - 1 - (size - 1) * dilation + before;  // where they may begin
    return {(before + stride - 1) / stride, last < 0 ? 0 : std::min(out, last / stride + 1)};
  }
};

// A call's tensors, [B,H,W,C] with H = 1 where there is one axis.
struct Windows {
  int64_t rows = 0;  // of the batch
  int64_t channels = 0;
  WindowAxis h, w;
  bool stepsAreRows = false;  // the axis that masks belong to is H, else W

  Windows(const WindowAttributes& attributes, const Shape& x)
      : rows(x[0]), channels(x.last()), stepsAreRows(attributes.axes == 2) {
    if (stepsAreRows) h = WindowAxis(attributes, 0, x[1]);
    w = WindowAxis(attributes, 1, x[attributes.axes]);
  }
  int64_t taps() const { return h.size * w.size; }
  int64_t floats() const { return taps() * channels; }  // of a window
  int64_t positions() const { return h.in * w.in; }     // of a row of the batch
  int64_t windows() const { return h.out * w.out; }     // likewise
  // Of a mask [B,steps].
  int64_t steps() const { return stepsAreRows ? h.in : w.in; }
  int64_t step(int64_t ih, int64_t iw) const { return stepsAreRows ? ih : iw; }
};

// A window of a call, and those behind it.
struct WindowPlace {
  int64_t row = 0, h = 0, w = 0;

  WindowPlace(const Windows& n, int64_t window) : row(window / std::max<int64_t>(1, n.windows())) {
    const int64_t own = window - row * n.windows();
    h = own / std::max<int64_t>(1, n.w.out);
    w = own - h * n.w.out;
  }
  // Over the next ones of the same line, at most to its end.
  void next(const Windows& n, int64_t count = 1) {
    w += count;
    if (w < n.w.out) return;
    w = 0;
    if (++h < n.h.out) return;
    h = 0;
    ++row;
  }
};

}  // namespace sluice
