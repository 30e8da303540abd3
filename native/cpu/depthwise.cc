// Depthwise convolution: each channel by kernels of its own, so that vectors run over channels and
// no matrices are multiplied. Where a channel has several kernels, its values are repeated first;
// from then on there is one kernel a channel.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/depthwise.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "engine/backend/window.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

// Calls tap(i, position) for the elements of a window that lie inside.
template <class Tap>
HWY_INLINE void EachTap(const Windows& n, const WindowPlace& place, const Tap& tap) {
  const WindowAxis::Span rows = n.h.inside(place.h), columns = n.w.inside(place.w);
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    const int64_t line = (place.row * n.h.in + n.h.at(place.h, i)) * n.w.in;
    for (int64_t j = columns.begin; j < columns.end; ++j)
      tap(i * n.w.size + j, line + n.w.at(place.w, j));
  }
}

// Windows from `begin` to `end`. n.channels is the number of filters: x is repeated already.
void DepthwiseWindows(const Windows& n, const float* x, const float* kernel, const float* bias,
                      int64_t begin, int64_t end, float* y) {
  const Floats d;
  const int64_t C = n.channels, lanes = LanesOf(d);
  WindowPlace place(n, begin);
  for (int64_t window = begin; window < end; ++window, place.next(n)) {
    float* to = y + window * C;
    int64_t c = 0;
    for (; c + lanes <= C; c += lanes) {
      auto sum = bias ? hn::LoadU(d, bias + c) : hn::Zero(d);
      EachTap(n, place, [&](int64_t tap, int64_t at) HWY_ATTR {
        sum = hn::MulAdd(hn::LoadU(d, x + at * C + c), hn::LoadU(d, kernel + tap * C + c), sum);
      });
      hn::StoreU(sum, d, to + c);
    }
    if (c == C) continue;
    const int64_t rest = C - c;
    auto sum = bias ? LoadPart(d, bias + c, rest, 0.0f) : hn::Zero(d);
    EachTap(n, place, [&](int64_t tap, int64_t at) HWY_ATTR {
      sum = hn::MulAdd(LoadPart(d, x + at * C + c, rest, 0.0f),
                       LoadPart(d, kernel + tap * C + c, rest, 0.0f), sum);
    });
    StorePart(sum, d, to + c, rest);
  }
}

// to += a * b
HWY_INLINE void MultiplyInto(const float* a, const float* b, int64_t n, float* to) {
  const Floats d;
  Transform(
      d, n, to, [](auto u, auto v, auto sum) HWY_ATTR { return hn::MulAdd(u, v, sum); }, a, b, to);
}

// dx, zero at first, of all windows of the batch's rows from `begin` to `end`.
void DepthwiseInputs(const Windows& n, const float* dy, const float* kernel, int64_t begin,
                     int64_t end, float* dx) {
  const int64_t C = n.channels, perRow = n.windows();
  WindowPlace place(n, begin * perRow);
  for (int64_t window = begin * perRow; window < end * perRow; ++window, place.next(n))
    EachTap(n, place, [&](int64_t tap, int64_t at) HWY_ATTR {
      MultiplyInto(dy + window * C, kernel + tap * C, C, dx + at * C);
    });
}

// Columns from `begin` to `end` of the kernel's gradient. A row of the batch is added up by itself,
// so that rounding errors of a long batch do not add up.
void DepthwiseKernel(const Windows& n, const float* x, const float* dy, int64_t begin, int64_t end,
                     float* part, float* dKernel) {
  const int64_t C = n.channels, perRow = n.windows(), taps = n.taps(), width = end - begin;
  for (int64_t tap = 0; tap < taps; ++tap)
    std::memset(dKernel + tap * C + begin, 0, sizeof(float) * static_cast<size_t>(width));
  WindowPlace place(n, 0);
  for (int64_t row = 0; row < n.rows; ++row) {
    std::memset(part, 0, sizeof(float) * static_cast<size_t>(taps * width));
    for (int64_t window = row * perRow; window < (row + 1) * perRow; ++window, place.next(n))
      EachTap(n, place, [&](int64_t tap, int64_t at) HWY_ATTR {
        MultiplyInto(x + at * C + begin, dy + window * C + begin, width, part + tap * width);
      });
    for (int64_t tap = 0; tap < taps; ++tap) {
      float* to = dKernel + tap * C + begin;
      Transform(
          Floats(), width, to, [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); }, to,
          part + tap * width);
    }
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
#include "cpu/sums.h"
#include "cpu/tile.h"
#include "cpu/windows.h"

namespace sluice::cpu {
HWY_EXPORT(DepthwiseWindows);
HWY_EXPORT(DepthwiseInputs);
HWY_EXPORT(DepthwiseKernel);
namespace {

// Columns of the kernel's gradient that a thread takes at least: a line of the cache.
constexpr int64_t kColumns = 16;

// The same inputs stand first in both calls.
struct Extents {
  explicit Extents(const OpCall& call)
      : windows(call.attr<WindowAttributes>(), call.in[depthwiseConvolution::kX].shape),
        multiplier(call.in[depthwiseConvolution::kKernel].shape.last()),
        channels(windows.channels),
        positions(windows.rows * windows.positions()),
        count(windows.rows * windows.windows()) {
    windows.channels = channels * multiplier;
  }
  int64_t filters() const { return windows.channels; }
  // Of all inputs, each channel as often as it has kernels; none where that is once.
  int64_t repeatedFloats() const {
    return multiplier > 1 ? roundUp(positions * filters(), kMaxLanes) : 0;
  }
  int64_t windowGrain() const {
    return std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(1, windows.taps() * filters()));
  }
  int64_t rowGrain() const {
    return std::max<int64_t>(1, windowGrain() / std::max<int64_t>(1, windows.windows()));
  }
  int64_t columnGrain() const {
    const int64_t perColumn = std::max<int64_t>(1, count * windows.taps());
    return roundUp(std::max<int64_t>(1, kCheapGrain / perColumn), kColumns);
  }

  Windows windows;  // of the repeated inputs
  int64_t multiplier, channels;
  int64_t positions, count;  // of inputs and of windows, over all rows
};

size_t bytes(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

// x itself, or its repeated form in scratch memory.
const float* repeated(const OpCall& call, const Extents& e, const float* x, float* scratch) {
  if (e.multiplier == 1) return x;
  parallelFor(call.context->threads, e.positions, std::max<int64_t>(1, kCheapGrain / e.filters()),
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin * e.channels; i < end * e.channels; ++i)
                  std::fill_n(scratch + i * e.multiplier, e.multiplier, x[i]);
              });
  return scratch;
}

size_t forwardScratch(const OpCall& call) noexcept { return bytes(Extents(call).repeatedFloats()); }

int32_t forward(const OpCall& call) noexcept {
  using namespace depthwiseConvolution;
  const Extents e(call);
  const FloatingPointMode mode;
  const float* x = repeated(call, e, input(call, kX), static_cast<float*>(call.scratch));
  parallelFor(call.context->threads, e.count, e.windowGrain(), [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(DepthwiseWindows)
    (e.windows, x, input(call, kKernel), input(call, kBias), begin, end, output(call, kY));
  });
  return 0;
}

size_t backwardScratch(const OpCall& call) noexcept {
  const Extents e(call);
  return bytes(e.repeatedFloats() + e.windows.taps() * roundUp(e.filters(), kColumns));
}

void inputGradient(const OpCall& call, const Extents& e, float* dx) {
  using namespace depthwiseConvolutionBackward;
  float* ofRepeated = e.multiplier == 1 ? dx : static_cast<float*>(call.scratch);
  const int64_t perRow = e.windows.positions();
  parallelFor(call.context->threads, e.windows.rows, e.rowGrain(), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * perRow, last = end * perRow;
    std::fill_n(ofRepeated + first * e.filters(), (last - first) * e.filters(), 0.0f);
    HWY_DYNAMIC_DISPATCH(DepthwiseInputs)
    (e.windows, input(call, kDy), input(call, kKernel), begin, end, ofRepeated);
    if (e.multiplier == 1) return;
    for (int64_t i = first * e.channels; i < last * e.channels; ++i) {
      float sum = 0;
      for (int64_t m = 0; m < e.multiplier; ++m) sum += ofRepeated[i * e.multiplier + m];
      dx[i] = sum;
    }
  });
}

int32_t backward(const OpCall& call) noexcept {
  using namespace depthwiseConvolutionBackward;
  const Extents e(call);
  const int threads = call.context->threads;
  const float* dy = input(call, kDy);
  const FloatingPointMode mode;
  if (float* dx = output(call, kDx)) inputGradient(call, e, dx);
  if (float* dKernel = output(call, kDKernel)) {
    float* scratch = static_cast<float*>(call.scratch);
    const float* x = repeated(call, e, input(call, kX), scratch);
    float* parts = scratch + e.repeatedFloats();
    parallelFor(threads, e.filters(), e.columnGrain(), [&](int64_t begin, int64_t end) {
      HWY_DYNAMIC_DISPATCH(DepthwiseKernel)
      (e.windows, x, dy, begin, end, parts + begin * e.windows.taps(), dKernel);
    });
  }
  if (float* dBias = output(call, kDBias)) columnSums(threads, e.count, e.filters(), dy, dBias);
  return 0;
}

KernelChoice describe(const OpCall& call) noexcept {
  const Extents e(call);
  return describeShared(call, "windows", e.count, e.windowGrain());
}
KernelChoice describeBackward(const OpCall& call) noexcept {
  const Extents e(call);
  if (call.out[depthwiseConvolutionBackward::kDx].present())
    return describeShared(call, "rows", e.windows.rows, e.rowGrain());
  return describeShared(call, "columns", e.filters(), e.columnGrain());
}

}  // namespace

const Kernel kDepthwiseConvolution = {.name = "cpu.depthwiseConvolution",
                                      .scratchBytes = forwardScratch,
                                      .launch = forward,
                                      .describe = describe};
const Kernel kDepthwiseConvolutionBackward = {.name = "cpu.depthwiseConvolutionBackward",
                                              .scratchBytes = backwardScratch,
                                              .launch = backward,
                                              .describe = describeBackward};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
