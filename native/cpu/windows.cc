#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/windows.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "engine/backend/window.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

HWY_INLINE void CopyFloats(const float* from, int64_t n, float* to) {
  const Floats d;
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  for (; i < n; ++i) to[i] = from[i];
}
HWY_INLINE void ZeroFloats(int64_t n, float* to) {
  const Floats d;
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Zero(d), d, to + i);
  for (; i < n; ++i) to[i] = 0;
}
HWY_INLINE void AddFloats(const float* from, int64_t n, float* to) {
  const Floats d;
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
  for (; i < n; ++i) to[i] += from[i];
}

// The runs of neighbouring floats that a window consists of: whole lines of it, or single elements
// where dilation sets them apart. Calls inside(offset in the window, offset in x, floats) and, for
// padding, outside(offset in the window, floats).
template <class Inside, class Outside>
HWY_INLINE void EachRun(const Windows& n, const WindowPlace& place, const Inside& inside,
                        const Outside& outside) {
  const int64_t C = n.channels, line = n.w.size * C;
  const WindowAxis::Span columns = n.w.inside(place.w);
  const int64_t left = columns.begin < columns.end ? columns.begin : n.w.size;
  const int64_t right = columns.begin < columns.end ? columns.end : n.w.size;
  for (int64_t i = 0; i < n.h.size; ++i) {
    const int64_t ih = n.h.at(place.h, i);
    const int64_t at = i * line;
    if (!n.h.holds(ih)) {
      outside(at, line);
      continue;
    }
    const int64_t row = (place.row * n.h.in + ih) * n.w.in;
    if (left > 0) outside(at, left * C);
    if (n.w.dilation == 1 && left < right) {
      inside(at + left * C, (row + n.w.at(place.w, left)) * C, (right - left) * C);
    } else {
      for (int64_t j = left; j < right; ++j) inside(at + j * C, (row + n.w.at(place.w, j)) * C, C);
    }
    if (right < n.w.size) outside(at + right * C, (n.w.size - right) * C);
  }
}

// How many windows, this one and those behind it in its line, have the same elements inside.
HWY_INLINE int64_t Alike(const Windows& n, const WindowPlace& place, int64_t most) {
  const WindowAxis::Span whole = n.w.whole();
  if (place.w < whole.begin || place.w >= whole.end) return 1;
  return HWY_MIN(most, whole.end - place.w);
}

void GatherWindows(const Windows& n, const float* x, const float* before, int64_t first,
                   int64_t count, float* to) {
  const int64_t floats = n.taps() * n.channels, C = n.channels, step = n.w.stride * C;
  WindowPlace place(n, first);
  for (int64_t row = 0, together; row < count; row += together, place.next(n, together)) {
    together = Alike(n, place, count - row);
    EachRun(
        n, place,
        [&](int64_t at, int64_t from, int64_t length) HWY_ATTR {
          for (int64_t k = 0; k < together; ++k)
            CopyFloats(x + from + k * step, length, to + at + k * floats);
        },
        [&](int64_t at, int64_t length) HWY_ATTR {
          for (int64_t k = 0; k < together; ++k) ZeroFloats(length, to + at + k * floats);
        });
    float* window = to;
    to += together * floats;
    if (before == nullptr) continue;
    for (int64_t j = 0; j < n.w.size && n.w.at(place.w, j) < 0; ++j)
      CopyFloats(before + ((place.row + 1) * n.w.before + n.w.at(place.w, j)) * C, C,
                 window + j * C);
  }
}

void ScatterWindows(const Windows& n, const float* from, int64_t first, int64_t count, float* dx) {
  const int64_t floats = n.taps() * n.channels;
  WindowPlace place(n, first);
  for (int64_t row = 0; row < count; ++row, from += floats, place.next(n)) {
    EachRun(
        n, place,
        [&](int64_t at, int64_t to, int64_t length)
            HWY_ATTR { AddFloats(from + at, length, dx + to); },
        [](int64_t, int64_t) {});
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpu/windows.h"

namespace sluice::cpu {
HWY_EXPORT(GatherWindows);
HWY_EXPORT(ScatterWindows);

void gatherWindows(const Windows& n, const float* x, const float* before, int64_t first,
                   int64_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(GatherWindows)(n, x, before, first, count, to);
}
void scatterWindows(const Windows& n, const float* from, int64_t first, int64_t count, float* dx) {
  HWY_DYNAMIC_DISPATCH(ScatterWindows)(n, from, first, count, dx);
}

}  // namespace sluice::cpu
#endif  // HWY_ONCE
