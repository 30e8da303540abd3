// Normalisations of each row of features: LayerNorm and UnitLength, with their gradients.
#include <cmath>

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/row_norm.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

// Sum of of(in[i]...) in an order that n alone fixes; of(0...) is 0.
template <class Of, class... In>
HWY_INLINE float SumOf(int64_t n, const Of& of, const In*... in) {
  const Floats d;
  const int64_t lanes = LanesOf(d);
  auto sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = hn::Add(sum, of(hn::LoadU(d, in + i)...));
  if (i < n) {
    const auto rest = of(LoadPart(d, in + i, n - i, 0.0f)...);
    sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(n - i)), rest));
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// gamma and beta may be null. stats: mean, 1 / deviation.
void LayerNormRow(const float* x, const float* gamma, const float* beta, float epsilon, float* y,
                  float* stats, int64_t n) {
  const Floats d;
  const float count = static_cast<float>(n);
  const float mean = SumOf(
                         n, [](auto v) HWY_ATTR { return v; }, x) /
                     count;
  const auto m = hn::Set(d, mean);
  const auto square = [&](auto v) HWY_ATTR {
    const auto off = hn::Sub(v, m);
    return hn::Mul(off, off);
  };
  const float inverse = 1 / std::sqrt(SumOf(n, square, x) / count + epsilon);
  const auto s = hn::Set(d, inverse);
  const auto unit = [&](auto v) HWY_ATTR { return hn::Mul(hn::Sub(v, m), s); };
  Transform(d, n, y, unit, x);
  if (gamma)
    Transform(
        d, n, y, [](auto u, auto g) HWY_ATTR { return hn::Mul(u, g); }, y, gamma);
  if (beta)
    Transform(
        d, n, y, [](auto u, auto b) HWY_ATTR { return hn::Add(u, b); }, y, beta);
  stats[0] = mean;
  stats[1] = inverse;
}

// dx = inverse (g - mean(g) - u mean(g u)), u = (x - mean) inverse, g = gamma dy.
void LayerNormRowBackward(const float* x, const float* gamma, const float* stats, const float* dy,
                          float* dx, int64_t n) {
  const Floats d;
  const float count = static_cast<float>(n);
  const auto m = hn::Set(d, stats[0]), s = hn::Set(d, stats[1]);
  const float* g = dy;
  if (gamma) {
    Transform(
        d, n, dx, [](auto v, auto w) HWY_ATTR { return hn::Mul(v, w); }, dy, gamma);
    g = dx;
  }
  const auto product = [&](auto v, auto at)
                           HWY_ATTR { return hn::Mul(v, hn::Mul(hn::Sub(at, m), s)); };
  const auto meanG = hn::Set(d, SumOf(
                                    n, [](auto v) HWY_ATTR { return v; }, g) /
                                    count);
  const auto meanGu = hn::Set(d, SumOf(n, product, g, x) / count);
  const auto gradient = [&](auto v, auto at) HWY_ATTR {
    const auto u = hn::Mul(hn::Sub(at, m), s);
    return hn::Mul(s, hn::NegMulAdd(u, meanGu, hn::Sub(v, meanG)));
  };
  Transform(d, n, dx, gradient, g, x);
}

// dGamma += dy u, dBeta += dy for n columns of one row; either may be null.
void LayerNormColumns(const float* x, const float* stats, const float* dy, float* dGamma,
                      float* dBeta, int64_t n) {
  const Floats d;
  const auto m = hn::Set(d, stats[0]), s = hn::Set(d, stats[1]);
  const auto product = [&](auto sum, auto at, auto v)
                           HWY_ATTR { return hn::MulAdd(v, hn::Mul(hn::Sub(at, m), s), sum); };
  if (dGamma) Transform(d, n, dGamma, product, dGamma, x, dy);
  if (dBeta)
    Transform(
        d, n, dBeta, [](auto sum, auto v) HWY_ATTR { return hn::Add(sum, v); }, dBeta, dy);
}

float SumOfSquares(const float* x, int64_t n) {
  return SumOf(
      n, [](auto v) HWY_ATTR { return hn::Mul(v, v); }, x);
}

void UnitLengthRow(const float* x, float scale, float* y, int64_t n) {
  const Floats d;
  const auto s = hn::Set(d, scale);
  Transform(
      d, n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, s); }, x);
}

// dx = scale (dy - along x (x . dy))
void UnitLengthRowBackward(const float* x, const float* dy, float scale, float along, float* dx,
                           int64_t n) {
  const Floats d;
  const auto product = [](auto v, auto g) HWY_ATTR { return hn::Mul(v, g); };
  const auto s = hn::Set(d, scale), a = hn::Set(d, along * SumOf(n, product, x, dy));
  const auto gradient = [&](auto v, auto g) HWY_ATTR { return hn::Mul(s, hn::NegMulAdd(a, v, g)); };
  Transform(d, n, dx, gradient, x, dy);
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
HWY_EXPORT(LayerNormRow);
HWY_EXPORT(LayerNormRowBackward);
HWY_EXPORT(LayerNormColumns);
HWY_EXPORT(SumOfSquares);
HWY_EXPORT(UnitLengthRow);
HWY_EXPORT(UnitLengthRowBackward);
namespace {

int64_t rowGrain(const Shape& shape) {
  return std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(1, shape.last()));
}

template <typename F>
void forEachRow(const OpCall& call, const Shape& shape, F&& row) {
  parallelFor(call.context->threads, shape.rows(), rowGrain(shape),
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) row(i);
              });
}

KernelChoice describeRows(const OpCall& call) noexcept {
  const Shape& shape = call.in[0].shape;
  return describeShared(call, "rows", shape.rows(), rowGrain(shape));
}

int32_t runLayerNorm(const OpCall& call) noexcept {
  using namespace layerNorm;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const float *x = input(call, kX), *gamma = input(call, kGamma), *beta = input(call, kBeta);
  float *y = output(call, kY), *stats = output(call, kStats);
  const auto epsilon = static_cast<float>(call.attr<NormAttributes>().epsilon);
  forEachRow(call, shape, [&](int64_t row) {
    HWY_DYNAMIC_DISPATCH(LayerNormRow)
    (x + row * F, gamma, beta, epsilon, y + row * F, stats + 2 * row, F);
  });
  return 0;
}

// Sums over rows are made in blocks of this many, and those added up: in an order that the shape
// fixes, and with an error that does not grow with the rows.
constexpr int64_t kBlock = 128;
// Threads share out columns, in whole cache lines.
constexpr int64_t kColumns = 16;

size_t columnScratch(const OpCall& call) noexcept {
  return 2 * static_cast<size_t>(call.in[0].shape.last()) * sizeof(float);
}

void columnSums(const OpCall& call, const float* x, const float* stats, const float* dy,
                float* dGamma, float* dBeta) {
  const int64_t F = call.in[0].shape.last(), rows = call.in[0].shape.rows();
  float *partGamma = static_cast<float*>(call.scratch), *partBeta = partGamma + F;
  parallelFor(call.context->threads, F, kColumns, [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin;
    const auto at = [begin](float* p) { return p ? p + begin : nullptr; };
    for (float* sum : {at(dGamma), at(dBeta)})
      if (sum) std::fill_n(sum, n, 0.0f);
    for (int64_t first = 0; first < rows; first += kBlock) {
      std::fill_n(partGamma + begin, n, 0.0f);
      std::fill_n(partBeta + begin, n, 0.0f);
      for (int64_t row = first; row < std::min(rows, first + kBlock); ++row)
        HWY_DYNAMIC_DISPATCH(LayerNormColumns)
      (x + row * F + begin, stats + 2 * row, dy + row * F + begin,
       dGamma ? partGamma + begin : nullptr, dBeta ? partBeta + begin : nullptr, n);
      for (int64_t f = begin; f < end; ++f) {
        if (dGamma) dGamma[f] += partGamma[f];
        if (dBeta) dBeta[f] += partBeta[f];
      }
    }
  });
}

int32_t runLayerNormBackward(const OpCall& call) noexcept {
  using namespace layerNormBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const float *x = input(call, kX), *gamma = input(call, kGamma), *dy = input(call, kDy);
  const float* stats = input(call, kStats);
  if (float* dx = output(call, kDx))
    forEachRow(call, shape, [&](int64_t row) {
      HWY_DYNAMIC_DISPATCH(LayerNormRowBackward)
      (x + row * F, gamma, stats + 2 * row, dy + row * F, dx + row * F, F);
    });
  float *dGamma = output(call, kDGamma), *dBeta = output(call, kDBeta);
  if (dGamma || dBeta) columnSums(call, x, stats, dy, dGamma, dBeta);
  return 0;
}

// 1 / |x|, at most 1 / epsilon.
float scaleOf(const OpCall& call, const float* x, int64_t F) {
  const float length = std::sqrt(HWY_DYNAMIC_DISPATCH(SumOfSquares)(x, F));
  const auto most = static_cast<float>(1 / call.attr<UnitLengthAttributes>().epsilon);
  return std::min(1 / length, most);
}

int32_t runUnitLength(const OpCall& call) noexcept {
  using namespace unitLength;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const float* x = input(call, kX);
  float* y = output(call, kY);
  forEachRow(call, shape, [&](int64_t row) {
    const float scale = scaleOf(call, x + row * F, F);
    HWY_DYNAMIC_DISPATCH(UnitLengthRow)(x + row * F, scale, y + row * F, F);
  });
  return 0;
}

int32_t runUnitLengthBackward(const OpCall& call) noexcept {
  using namespace unitLengthBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const float *x = input(call, kX), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  const auto most = static_cast<float>(1 / call.attr<UnitLengthAttributes>().epsilon);
  forEachRow(call, shape, [&](int64_t row) {
    const float scale = scaleOf(call, x + row * F, F);
    const float along = scale < most ? scale * scale : 0;  // at its most it is a constant
    HWY_DYNAMIC_DISPATCH(UnitLengthRowBackward)
    (x + row * F, dy + row * F, scale, along, dx + row * F, F);
  });
  return 0;
}

}  // namespace

const Kernel kLayerNorm = {
    .name = "cpu.layerNorm", .launch = runLayerNorm, .describe = describeRows};
const Kernel kLayerNormBackward = {.name = "cpu.layerNormBackward",
                                   .scratchBytes = columnScratch,
                                   .launch = runLayerNormBackward,
                                   .describe = describeRows};
const Kernel kUnitLength = {
    .name = "cpu.unitLength", .launch = runUnitLength, .describe = describeRows};
const Kernel kUnitLengthBackward = {
    .name = "cpu.unitLengthBackward", .launch = runUnitLengthBackward, .describe = describeRows};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
