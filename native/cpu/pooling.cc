// Pooling: vectors run over channels, windows are shared out; backward goes row by row of the
// batch, since windows may overlap.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pooling.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "engine/backend/op.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

// Calls visit(position) for the elements of a window that are neither padding nor masked.
template <class Visit>
HWY_INLINE void EachElement(const Windows& n, const uint8_t* mask, const WindowPlace& place,
                            const Visit& visit) {
  const WindowAxis::Span rows = n.h.inside(place.h), columns = n.w.inside(place.w);
  const uint8_t* steps = mask ? mask + place.row * n.steps() : nullptr;
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    const int64_t ih = n.h.at(place.h, i);
    for (int64_t j = columns.begin; j < columns.end; ++j) {
      const int64_t iw = n.w.at(place.w, j);
      if (steps && !steps[n.step(ih, iw)]) continue;
      visit((place.row * n.h.in + ih) * n.w.in + iw);
    }
  }
}

// NaN is larger than any number, and of equal values the first one stays.
template <class V>
HWY_INLINE V Larger(V best, V x) {
  return hn::IfThenElse(hn::Or(hn::Gt(x, best), hn::IsNaN(x)), x, best);
}

void PoolWindows(const Windows& n, PoolingMode mode, const float* x, const uint8_t* mask,
                 int64_t begin, int64_t end, float* y) {
  const Floats d;
  const int64_t C = n.channels;
  WindowPlace place(n, begin);
  for (int64_t window = begin; window < end; ++window, place.next(n)) {
    float* to = y + window * C;
    int64_t count = 0;
    EachElement(n, mask, place, [&](int64_t at) HWY_ATTR {
      const float* from = x + at * C;
      if (count++ == 0)
        std::memcpy(to, from, static_cast<size_t>(C) * sizeof(float));
      else if (mode == PoolingMode::Max)
        Transform(
            d, C, to, [](auto best, auto v) HWY_ATTR { return Larger(best, v); }, to, from);
      else
        Transform(
            d, C, to, [](auto sum, auto v) HWY_ATTR { return hn::Add(sum, v); }, to, from);
    });
    if (count == 0) std::memset(to, 0, static_cast<size_t>(C) * sizeof(float));
    if (count < 2 || mode == PoolingMode::Max) continue;
    const auto elements = hn::Set(d, static_cast<float>(count));
    Transform(
        d, C, to, [&](auto sum) HWY_ATTR { return hn::Div(sum, elements); }, to);
  }
}

// Adds to dx what the windows of one row of the batch hand back. `left` [C]: the gradient that no
// element has taken yet.
void PoolRowBackward(const Windows& n, PoolingMode mode, const float* x, const uint8_t* mask,
                     const float* y, const float* dy, int64_t row, float* left, float* dx) {
  const Floats d;
  const int64_t C = n.channels, perRow = n.windows();
  WindowPlace place(n, row * perRow);
  for (int64_t window = row * perRow; window < (row + 1) * perRow; ++window, place.next(n)) {
    const float *from = dy + window * C, *best = y ? y + window * C : nullptr;
    if (mode == PoolingMode::Max) {
      std::memcpy(left, from, static_cast<size_t>(C) * sizeof(float));
      EachElement(n, mask, place, [&](int64_t at) HWY_ATTR {
        const float* value = x + at * C;
        const auto isBest = [](auto v, auto b) HWY_ATTR {
          return hn::Or(hn::Eq(v, b), hn::And(hn::IsNaN(v), hn::IsNaN(b)));
        };
        Transform(
            d, C, dx + at * C,
            [&](auto sum, auto g, auto v, auto b)
                HWY_ATTR { return hn::Add(sum, hn::IfThenElseZero(isBest(v, b), g)); },
            dx + at * C, left, value, best);
        Transform(
            d, C, left,
            [&](auto g, auto v, auto b) HWY_ATTR { return hn::IfThenZeroElse(isBest(v, b), g); },
            left, value, best);
      });
      continue;
    }
    int64_t count = 0;
    EachElement(n, mask, place, [&](int64_t) { ++count; });
    const auto elements = hn::Set(d, static_cast<float>(count));
    EachElement(n, mask, place, [&](int64_t at) HWY_ATTR {
      Transform(
          d, C, dx + at * C,
          [&](auto sum, auto g) HWY_ATTR { return hn::Add(sum, hn::Div(g, elements)); },
          dx + at * C, from);
    });
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/tile.h"
#include "cpu/windows.h"

namespace sluice::cpu {
HWY_EXPORT(PoolWindows);
HWY_EXPORT(PoolRowBackward);
namespace {

Windows windowsOf(const OpCall& call) {
  return {call.attr<PoolingAttributes>().window, call.in[pooling::kX].shape};
}
int64_t windowGrain(const Windows& n) {
  return std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(1, n.floats()));
}
int64_t rowGrain(const Windows& n) {
  return std::max<int64_t>(1, windowGrain(n) / std::max<int64_t>(1, n.windows()));
}

int32_t forward(const OpCall& call) noexcept {
  using namespace pooling;
  const Windows n = windowsOf(call);
  const FloatingPointMode mode;
  parallelFor(call.context->threads, n.rows * n.windows(), windowGrain(n),
              [&](int64_t begin, int64_t end) {
                HWY_DYNAMIC_DISPATCH(PoolWindows)
                (n, call.attr<PoolingAttributes>().mode, input(call, kX),
                 input<uint8_t>(call, kMask), begin, end, output(call, kY));
              });
  return 0;
}

int64_t pieces(const Windows& n) { return (n.rows + rowGrain(n) - 1) / rowGrain(n); }

size_t backwardScratch(const OpCall& call) noexcept {
  const Windows n = windowsOf(call);
  return static_cast<size_t>(scratchSlots(call, pieces(n)) * roundUp(n.channels, kMaxLanes)) *
         sizeof(float);
}

int32_t backward(const OpCall& call) noexcept {
  using namespace poolingBackward;
  const Windows n = windowsOf(call);
  const int64_t perRow = n.positions() * n.channels;
  float* dx = output(call, kDx);
  const FloatingPointMode mode;
  const auto threads = static_cast<int>(scratchSlots(call, pieces(n)));
  parallelRegion(threads, [&](int thread, int count) {
    float* left = static_cast<float*>(call.scratch) + thread * roundUp(n.channels, kMaxLanes);
    const Range rows = partOf(n.rows, rowGrain(n), thread, count);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      std::fill_n(dx + row * perRow, perRow, 0.0f);
      HWY_DYNAMIC_DISPATCH(PoolRowBackward)
      (n, call.attr<PoolingAttributes>().mode, input(call, kX), input<uint8_t>(call, kMask),
       input(call, kY), input(call, kDy), row, left, dx);
    }
  });
  return 0;
}

KernelChoice describe(const OpCall& call) noexcept {
  const Windows n = windowsOf(call);
  return describeShared(call, "windows", n.rows * n.windows(), windowGrain(n));
}
KernelChoice describeBackward(const OpCall& call) noexcept {
  const Windows n = windowsOf(call);
  return describeShared(call, "rows", n.rows, rowGrain(n));
}

}  // namespace

const Kernel kPooling = {.name = "cpu.pooling", .launch = forward, .describe = describe};
const Kernel kPoolingBackward = {.name = "cpu.poolingBackward",
                                 .scratchBytes = backwardScratch,
                                 .launch = backward,
                                 .describe = describeBackward};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
