// Moments, BatchNorm with its gradient, and MovingAverage. Sums over rows are made in blocks of a
// fixed number of rows, so that their order follows from the shape.
#include <algorithm>
#include <cmath>

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/batch_norm.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

// sum += x
void SumColumns(const float* x, float* sum, int64_t n) {
  Transform(
      Floats(), n, sum, [](auto s, auto v) HWY_ATTR { return hn::Add(s, v); }, sum, x);
}
// sum += x - shift
void SumDifferences(const float* x, const float* shift, float* sum, int64_t n) {
  const auto add = [](auto s, auto v, auto from) HWY_ATTR { return hn::Add(s, hn::Sub(v, from)); };
  Transform(Floats(), n, sum, add, sum, x, shift);
}
// sum += (x - mean)^2
void SumSquares(const float* x, const float* mean, float* sum, int64_t n) {
  const auto square = [](auto s, auto v, auto m) HWY_ATTR {
    const auto off = hn::Sub(v, m);
    return hn::MulAdd(off, off, s);
  };
  Transform(Floats(), n, sum, square, sum, x, mean);
}
// sum += dy (x - mean) inverse
void SumProducts(const float* x, const float* mean, const float* inverse, const float* dy,
                 float* sum, int64_t n) {
  const auto product = [](auto s, auto v, auto m, auto i, auto g)
                           HWY_ATTR { return hn::MulAdd(g, hn::Mul(hn::Sub(v, m), i), s); };
  Transform(Floats(), n, sum, product, sum, x, mean, inverse, dy);
}
// y = (x - mean) scale + shift
void ScaleAndShift(const float* x, const float* mean, const float* scale, const float* shift,
                   float* y, int64_t n) {
  const auto apply = [](auto v, auto m, auto s, auto b)
                         HWY_ATTR { return hn::MulAdd(hn::Sub(v, m), s, b); };
  Transform(Floats(), n, y, apply, x, mean, scale, shift);
}
// y = x scale
void ScaleColumns(const float* x, const float* scale, float* y, int64_t n) {
  Transform(
      Floats(), n, y, [](auto v, auto s) HWY_ATTR { return hn::Mul(v, s); }, x, scale);
}
// dx = scale (dy - meanDy - (x - mean) slope)
void BatchGradient(const float* x, const float* mean, const float* dy, const float* scale,
                   const float* meanDy, const float* slope, float* dx, int64_t n) {
  const auto gradient = [](auto v, auto m, auto g, auto s, auto a, auto b) HWY_ATTR {
    return hn::Mul(s, hn::NegMulAdd(hn::Sub(v, m), b, hn::Sub(g, a)));
  };
  Transform(Floats(), n, dx, gradient, x, mean, dy, scale, meanDy, slope);
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "engine/backend/row_weights.h"

namespace sluice::cpu {
HWY_EXPORT(SumColumns);
HWY_EXPORT(SumDifferences);
HWY_EXPORT(SumSquares);
HWY_EXPORT(SumProducts);
HWY_EXPORT(ScaleAndShift);
HWY_EXPORT(ScaleColumns);
HWY_EXPORT(BatchGradient);
namespace {

constexpr int64_t kBlock = 128;   // rows
constexpr int64_t kColumns = 16;  // threads share out columns, in whole cache lines

// How many count, or 1.
float countOf(const CountedRows& counts, int64_t rows) {
  int64_t n = counts.mask ? 0 : rows;
  for (int64_t row = 0; counts.mask && row < rows; ++row) n += counts(row) ? 1 : 0;
  return static_cast<float>(std::max<int64_t>(1, n));
}

// sum[begin..end) = the sum over rows of what add(row, part) adds to a block's sums.
template <typename Add>
void sumRows(int64_t rows, int64_t begin, int64_t end, float* part, float* sum, const Add& add) {
  std::fill(sum + begin, sum + end, 0.0f);
  for (int64_t first = 0; first < rows; first += kBlock) {
    std::fill(part + begin, part + end, 0.0f);
    for (int64_t row = first; row < std::min(rows, first + kBlock); ++row) add(row, part + begin);
    for (int64_t f = begin; f < end; ++f) sum[f] += part[f];
  }
}

int32_t runMoments(const OpCall& call) noexcept {
  using namespace moments;
  const Shape& shape = call.in[kX].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const CountedRows counts = countedRows(call.in[kMask], shape);
  const float* x = input(call, kX);
  float *mean = output(call, kMean), *variance = output(call, kVariance);
  float* part = static_cast<float*>(call.scratch);
  float* shift = part + F;
  const float n = countOf(counts, rows);
  parallelFor(call.context->threads, F, kColumns, [&](int64_t begin, int64_t end) {
    const int64_t width = end - begin;
    // Less the first row, so that the mean of large numbers is near enough to them for a variance
    // that is small beside it.
    for (int64_t f = begin; f < end; ++f)
      shift[f] = rows > 0 && counts(0) && std::isfinite(x[f]) ? x[f] : 0.0f;
    sumRows(rows, begin, end, part, mean, [&](int64_t row, float* sum) {
      if (counts(row))
        HWY_DYNAMIC_DISPATCH(SumDifferences)(x + row * F + begin, shift + begin, sum, width);
    });
    for (int64_t f = begin; f < end; ++f) mean[f] = shift[f] + mean[f] / n;
    sumRows(rows, begin, end, part, variance, [&](int64_t row, float* sum) {
      if (counts(row))
        HWY_DYNAMIC_DISPATCH(SumSquares)(x + row * F + begin, mean + begin, sum, width);
    });
    for (int64_t f = begin; f < end; ++f) variance[f] /= n;
  });
  return 0;
}

float inverseDeviation(const OpCall& call, float variance) {
  return 1 / std::sqrt(variance + static_cast<float>(call.attr<NormAttributes>().epsilon));
}

int64_t rowGrain(const Shape& shape) {
  return std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(1, shape.last()));
}

int32_t runBatchNorm(const OpCall& call) noexcept {
  using namespace batchNorm;
  const Shape& shape = call.out[kY].shape;
  const int64_t F = shape.last();
  const float *x = input(call, kX), *mean = input(call, kMean), *variance = input(call, kVariance);
  const float *gamma = input(call, kGamma), *beta = input(call, kBeta);
  float* y = output(call, kY);
  float *scale = static_cast<float*>(call.scratch), *shift = scale + F;
  for (int64_t f = 0; f < F; ++f) {
    scale[f] = inverseDeviation(call, variance[f]) * (gamma ? gamma[f] : 1);
    shift[f] = beta ? beta[f] : 0;
  }
  parallelFor(call.context->threads, shape.rows(), rowGrain(shape),
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) HWY_DYNAMIC_DISPATCH(ScaleAndShift)
                (x + row * F, mean, scale, shift, y + row * F, F);
              });
  return 0;
}

// reference/batch_norm.cc has the equations.
int32_t runBatchNormBackward(const OpCall& call) noexcept {
  using namespace batchNormBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const float *x = input(call, kX), *dy = input(call, kDy), *gamma = input(call, kGamma);
  const float *mean = input(call, kMean), *variance = input(call, kVariance);
  float* scratch = static_cast<float*>(call.scratch);
  float *inverse = scratch, *scale = scratch + F, *part = scratch + 2 * F;
  float *meanDy = scratch + 3 * F, *slope = scratch + 4 * F;
  for (int64_t f = 0; f < F; ++f) {
    inverse[f] = inverseDeviation(call, variance[f]);
    scale[f] = inverse[f] * (gamma ? gamma[f] : 1);
  }
  const bool ofBatch = call.attr<NormAttributes>().ofBatch != 0;
  const CountedRows counts = countedRows(call.in[kMask], shape);
  float *dGamma = output(call, kDGamma), *dBeta = output(call, kDBeta), *dx = output(call, kDx);
  if (dGamma || dBeta || ofBatch) {
    const float n = countOf(counts, rows);
    parallelFor(call.context->threads, F, kColumns, [&](int64_t begin, int64_t end) {
      const int64_t width = end - begin;
      sumRows(rows, begin, end, part, meanDy, [&](int64_t row, float* sum) {
        HWY_DYNAMIC_DISPATCH(SumColumns)(dy + row * F + begin, sum, width);
      });
      sumRows(rows, begin, end, part, slope, [&](int64_t row, float* sum) {
        HWY_DYNAMIC_DISPATCH(SumProducts)
        (x + row * F + begin, mean + begin, inverse + begin, dy + row * F + begin, sum, width);
      });
      for (int64_t f = begin; f < end; ++f) {
        if (dBeta) dBeta[f] = meanDy[f];
        if (dGamma) dGamma[f] = slope[f];
        meanDy[f] /= n;
        slope[f] *= inverse[f] / n;
      }
    });
  }
  if (!dx) return 0;
  parallelFor(call.context->threads, rows, rowGrain(shape), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * F;
      if (ofBatch && counts(row)) HWY_DYNAMIC_DISPATCH(BatchGradient)
      (x + at, mean, dy + at, scale, meanDy, slope, dx + at, F);
      else HWY_DYNAMIC_DISPATCH(ScaleColumns)(dy + at, scale, dx + at, F);
    }
  });
  return 0;
}

int32_t runMovingAverage(const OpCall& call) noexcept {
  using namespace movingAverage;
  const auto momentum = static_cast<float>(call.attr<MovingAverageAttributes>().momentum);
  const float *before = input(call, kOld), *now = input(call, kNew);
  float* y = output(call, kY);
  const int64_t n = call.out[kY].shape.elements();
  for (int64_t i = 0; i < n; ++i) y[i] = momentum * before[i] + (1 - momentum) * now[i];
  return 0;
}

template <size_t kRows>
size_t featureScratch(const OpCall& call) noexcept {
  return kRows * static_cast<size_t>(call.in[0].shape.last()) * sizeof(float);
}
KernelChoice describeColumns(const OpCall& call) noexcept {
  return describeShared(call, "columns", call.in[0].shape.last(), kColumns);
}
KernelChoice describeRows(const OpCall& call) noexcept {
  const Shape& shape = call.in[0].shape;
  return describeShared(call, "rows", shape.rows(), rowGrain(shape));
}

}  // namespace

const Kernel kMoments = {.name = "cpu.moments",
                         .scratchBytes = featureScratch<2>,
                         .launch = runMoments,
                         .describe = describeColumns};
const Kernel kBatchNorm = {.name = "cpu.batchNorm",
                           .scratchBytes = featureScratch<2>,
                           .launch = runBatchNorm,
                           .describe = describeRows};
const Kernel kBatchNormBackward = {.name = "cpu.batchNormBackward",
                                   .scratchBytes = featureScratch<5>,
                                   .launch = runBatchNormBackward,
                                   .describe = describeRows};
const Kernel kMovingAverage = {.name = "cpu.movingAverage", .launch = runMovingAverage};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
