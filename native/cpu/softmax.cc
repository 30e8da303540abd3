// Softmax along an axis, and its gradient. Along the last axis a row is one column of numbers;
// along another one, neighbouring columns fill the vectors.
#include <algorithm>

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/softmax.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

#ifndef SLUICE_CPU_SOFTMAX_ONCE
#define SLUICE_CPU_SOFTMAX_ONCE
namespace sluice::cpu {
constexpr int64_t kWidth = 256;
}  // namespace sluice::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// One column of n numbers, in whole vectors and a rest that does not count.
void SoftmaxRow(const float* x, float* y, int64_t n) {
  const hn::ScalableTag<float> d;
  constexpr float kLeast = -3.4028234663852886e38f;
  const int64_t lanes = LanesOf(d);
  auto most = hn::Set(d, kLeast);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) most = AtLeast(d, most, hn::LoadU(d, x + i));
  if (i < n) most = AtLeast(d, most, LoadPart(d, x + i, n - i, kLeast));
  const auto top = hn::Set(d, hn::GetLane(hn::MaxOfLanes(d, most)));
  auto sum = hn::Zero(d);
  for (i = 0; i + lanes <= n; i += lanes) {
    const auto e = Exp(d, hn::Sub(hn::LoadU(d, x + i), top));
    sum = hn::Add(sum, e);
    hn::StoreU(e, d, y + i);
  }
  if (i < n) {
    const auto e = Exp(d, hn::Sub(LoadPart(d, x + i, n - i, kLeast), top));
    sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(n - i)), e));
    StorePart(e, d, y + i, n - i);
  }
  const auto total = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)));
  Transform(
      d, n, y, [&](auto v) HWY_ATTR { return hn::Div(v, total); }, y);
}

void SoftmaxRowBackward(const float* y, const float* dy, float* dx, int64_t n) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = LanesOf(d);
  auto sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    sum = hn::MulAdd(hn::LoadU(d, y + i), hn::LoadU(d, dy + i), sum);
  if (i < n)
    sum = hn::MulAdd(LoadPart(d, y + i, n - i, 0.0f), LoadPart(d, dy + i, n - i, 0.0f), sum);
  const auto total = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)));
  Transform(
      d, n, dx, [&](auto p, auto g) HWY_ATTR { return hn::Mul(p, hn::Sub(g, total)); }, y, dy);
}

// `width` columns beside each other, at most kWidth, n numbers down each, `stride` apart. mask: of
// the n, or null.
void SoftmaxColumns(const float* x, const uint8_t* mask, float* y, int64_t n, int64_t stride,
                    int64_t width) {
  const hn::ScalableTag<float> d;
  float most[kWidth], sum[kWidth];
  std::fill_n(most, width, -3.4028234663852886e38f);
  std::fill_n(sum, width, 0.0f);
  const auto counts = [&](int64_t k) { return !mask || mask[k] != 0; };
  for (int64_t k = 0; k < n; ++k)
    if (counts(k))
      Transform(
          d, width, most, [&](auto m, auto v) HWY_ATTR { return AtLeast(d, m, v); }, most,
          x + k * stride);
  for (int64_t k = 0; k < n; ++k) {
    float* to = y + k * stride;
    if (!counts(k)) {
      std::fill_n(to, width, 0.0f);
      continue;
    }
    const auto power = [&](auto v, auto m) HWY_ATTR { return Exp(d, hn::Sub(v, m)); };
    Transform(d, width, to, power, x + k * stride, most);
    Transform(
        d, width, sum, [](auto s, auto v) HWY_ATTR { return hn::Add(s, v); }, sum, to);
  }
  for (int64_t k = 0; k < n; ++k)
    if (counts(k))
      Transform(
          d, width, y + k * stride, [](auto v, auto s) HWY_ATTR { return hn::Div(v, s); },
          y + k * stride, sum);
}

void SoftmaxColumnsBackward(const float* y, const float* dy, const uint8_t* mask, float* dx,
                            int64_t n, int64_t stride, int64_t width) {
  const hn::ScalableTag<float> d;
  float sum[kWidth];
  std::fill_n(sum, width, 0.0f);
  for (int64_t k = 0; k < n; ++k)
    if (!mask || mask[k])
      Transform(
          d, width, sum, [](auto s, auto p, auto g) HWY_ATTR { return hn::MulAdd(p, g, s); }, sum,
          y + k * stride, dy + k * stride);
  for (int64_t k = 0; k < n; ++k) {
    float* to = dx + k * stride;
    if (mask && !mask[k]) {
      std::fill_n(to, width, 0.0f);
      continue;
    }
    Transform(
        d, width, to, [](auto p, auto g, auto s) HWY_ATTR { return hn::Mul(p, hn::Sub(g, s)); },
        y + k * stride, dy + k * stride, sum);
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
#include "engine/backend/axes.h"

namespace sluice::cpu {
HWY_EXPORT(SoftmaxRow);
HWY_EXPORT(SoftmaxRowBackward);
HWY_EXPORT(SoftmaxColumns);
HWY_EXPORT(SoftmaxColumnsBackward);
namespace {

// The tensor cut into pieces of neighbouring columns.
struct Pieces : AxisView {
  explicit Pieces(const OpCall& call)
      : AxisView(call.out[0].shape, call.attr<SoftmaxAttributes>().axis) {}
  int64_t across() const { return (inner + kWidth - 1) / kWidth; }
  int64_t count() const { return outer * across(); }
  int64_t grain() const {
    return std::max<int64_t>(1,
                             kCostlyGrain / std::max<int64_t>(1, extent * std::min(inner, kWidth)));
  }
};

// body(row of the mask, first element, columns)
template <typename F>
void forEachPiece(const OpCall& call, const Pieces& pieces, F&& body) {
  parallelFor(call.context->threads, pieces.count(), pieces.grain(),
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                  const int64_t outer = i / pieces.across(), column = i % pieces.across() * kWidth;
                  body(outer, outer * pieces.extent * pieces.inner + column,
                       std::min(kWidth, pieces.inner - column));
                }
              });
}

int32_t forward(const OpCall& call) noexcept {
  using namespace softmax;
  const Pieces pieces(call);
  const auto* mask = input<uint8_t>(call, kMask);
  const float* x = input(call, kX);
  float* y = output(call, kY);
  forEachPiece(call, pieces, [&](int64_t row, int64_t at, int64_t width) {
    if (pieces.inner == 1 && !mask)
      HWY_DYNAMIC_DISPATCH(SoftmaxRow)(x + at, y + at, pieces.extent);
    else
      HWY_DYNAMIC_DISPATCH(SoftmaxColumns)
    (x + at, mask ? mask + row * pieces.extent : nullptr, y + at, pieces.extent, pieces.inner,
     width);
  });
  return 0;
}

int32_t backward(const OpCall& call) noexcept {
  using namespace softmaxBackward;
  const Pieces pieces(call);
  const auto* mask = input<uint8_t>(call, kMask);
  const float *y = input(call, kY), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  forEachPiece(call, pieces, [&](int64_t row, int64_t at, int64_t width) {
    if (pieces.inner == 1 && !mask)
      HWY_DYNAMIC_DISPATCH(SoftmaxRowBackward)(y + at, dy + at, dx + at, pieces.extent);
    else
      HWY_DYNAMIC_DISPATCH(SoftmaxColumnsBackward)
    (y + at, dy + at, mask ? mask + row * pieces.extent : nullptr, dx + at, pieces.extent,
     pieces.inner, width);
  });
  return 0;
}

KernelChoice describe(const OpCall& call) noexcept {
  const Pieces pieces(call);
  return describeShared(call, "rows", pieces.count(), pieces.grain());
}

}  // namespace

const Kernel kSoftmax = {.name = "cpu.softmax", .launch = forward, .describe = describe};
const Kernel kSoftmaxBackward = {
    .name = "cpu.softmaxBackward", .launch = backward, .describe = describe};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
