// Merge, Add, MaskAnd and Normalize: a few operations an element, bound by memory.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/elementwise.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "engine/backend/op.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

void MultiplyRange(const float* a, const float* b, float* y, int64_t n) {
  Transform(
      Floats(), n, y, [](auto u, auto v) HWY_ATTR { return hn::Mul(u, v); }, a, b);
}
void AddRange(const float* a, const float* b, float* y, int64_t n) {
  Transform(
      Floats(), n, y, [](auto u, auto v) HWY_ATTR { return hn::Add(u, v); }, a, b);
}
void SubtractRange(const float* a, const float* b, float* y, int64_t n) {
  Transform(
      Floats(), n, y, [](auto u, auto v) HWY_ATTR { return hn::Sub(u, v); }, a, b);
}
// The second one where it is larger; NaN where either is.
void LargerRange(const float* a, const float* b, float* y, int64_t n) {
  const auto larger = [](auto u, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Or(hn::Gt(v, u), hn::IsNaN(v)), v, u);
  };
  Transform(Floats(), n, y, larger, a, b);
}
void SmallerRange(const float* a, const float* b, float* y, int64_t n) {
  const auto smaller = [](auto u, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Or(hn::Lt(v, u), hn::IsNaN(v)), v, u);
  };
  Transform(Floats(), n, y, smaller, a, b);
}
void ScaleRange(const float* x, float factor, float* y, int64_t n) {
  const Floats d;
  const auto f = hn::Set(d, factor);
  Transform(
      d, n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, f); }, x);
}
// y where the two are equal, else 0.
void WhereEqualRange(const float* a, const float* b, float* y, int64_t n) {
  const auto keep = [](auto u, auto v, auto g)
                        HWY_ATTR { return hn::IfThenElseZero(hn::Eq(u, v), g); };
  Transform(Floats(), n, y, keep, a, b, y);
}
// 0 where the two are equal, else y: an earlier part has won.
void ZeroWhereEqualRange(const float* earlier, const float* best, float* y, int64_t n) {
  const auto keep = [](auto u, auto v, auto g)
                        HWY_ATTR { return hn::IfThenZeroElse(hn::Eq(u, v), g); };
  Transform(Floats(), n, y, keep, earlier, best, y);
}

// One period of features: mean (null: 0) and deviation have n values as x has.
void NormalizeRange(const float* x, const float* mean, const float* deviation, int invert, float* y,
                    int64_t n) {
  const Floats d;
  if (!mean && invert) {
    Transform(
        d, n, y, [](auto v, auto s) HWY_ATTR { return hn::Mul(v, s); }, x, deviation);
  } else if (!mean) {
    Transform(
        d, n, y, [](auto v, auto s) HWY_ATTR { return hn::Div(v, s); }, x, deviation);
  } else if (invert) {
    const auto inverse = [](auto v, auto m, auto s) HWY_ATTR { return hn::MulAdd(v, s, m); };
    Transform(d, n, y, inverse, x, mean, deviation);
  } else {
    const auto direct = [](auto v, auto m, auto s) HWY_ATTR { return hn::Div(hn::Sub(v, m), s); };
    Transform(d, n, y, direct, x, mean, deviation);
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cmath>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/tile.h"

namespace sluice::cpu {
HWY_EXPORT(MultiplyRange);
HWY_EXPORT(AddRange);
HWY_EXPORT(SubtractRange);
HWY_EXPORT(LargerRange);
HWY_EXPORT(SmallerRange);
HWY_EXPORT(ScaleRange);
HWY_EXPORT(WhereEqualRange);
HWY_EXPORT(ZeroWhereEqualRange);
HWY_EXPORT(NormalizeRange);
namespace {

template <typename F>
void inParts(const OpCall& call, int64_t n, F&& part) {
  parallelFor(call.context->threads, n, kCheapGrain,
              [&](int64_t begin, int64_t end) { part(begin, end - begin); });
}

auto pairwise(MergeMode mode) {
  switch (mode) {
    case MergeMode::Multiply:
      return HWY_DYNAMIC_DISPATCH(MultiplyRange);
    case MergeMode::Subtract:
      return HWY_DYNAMIC_DISPATCH(SubtractRange);
    case MergeMode::Maximum:
      return HWY_DYNAMIC_DISPATCH(LargerRange);
    case MergeMode::Minimum:
      return HWY_DYNAMIC_DISPATCH(SmallerRange);
    case MergeMode::Sum:
    case MergeMode::Average:
      break;
  }
  return HWY_DYNAMIC_DISPATCH(AddRange);
}

// The first `parts` inputs merged, for n elements from i on.
void mergeParts(const OpCall& call, MergeMode mode, int32_t parts, int64_t i, int64_t n, float* y) {
  const auto range = pairwise(mode);
  range(input(call, 0) + i, input(call, 1) + i, y, n);
  for (int32_t k = 2; k < parts; ++k) range(y, input(call, k) + i, y, n);
  if (mode == MergeMode::Average)
    HWY_DYNAMIC_DISPATCH(ScaleRange)(y, 1 / static_cast<float>(parts), y, n);
}

// Several passes over a stretch that stays in the cache.
constexpr int64_t kStretch = 1024;
template <typename F>
void inStretches(const OpCall& call, int64_t n, F&& stretch) {
  parallelFor(call.context->threads, n, kCheapGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kStretch) stretch(i, std::min(kStretch, end - i));
  });
}

int32_t runMerge(const OpCall& call) noexcept {
  float* y = output(call, merge::kY);
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  inStretches(call, call.out[merge::kY].shape.elements(),
              [&](int64_t i, int64_t n) { mergeParts(call, mode, call.inCount, i, n, y + i); });
  return 0;
}

// Of part k, for n elements from i on.
void mergeGradient(const OpCall& call, MergeMode mode, int32_t k, int64_t i, int64_t n,
                   float* gradient) {
  const int32_t parts = call.inCount - 1;
  const float* dy = input(call, parts) + i;
  if (mode == MergeMode::Average || (mode == MergeMode::Subtract && k == 1)) {
    const float factor = mode == MergeMode::Average ? 1 / static_cast<float>(parts) : -1.0f;
    HWY_DYNAMIC_DISPATCH(ScaleRange)(dy, factor, gradient, n);
    return;
  }
  std::copy_n(dy, n, gradient);
  if (mode == MergeMode::Multiply) {
    for (int32_t other = 0; other < parts; ++other)
      if (other != k)
        HWY_DYNAMIC_DISPATCH(MultiplyRange)(gradient, input(call, other) + i, gradient, n);
  } else if (mode == MergeMode::Maximum || mode == MergeMode::Minimum) {
    float best[kStretch];
    mergeParts(call, mode, parts, i, n, best);
    HWY_DYNAMIC_DISPATCH(WhereEqualRange)(input(call, k) + i, best, gradient, n);
    for (int32_t earlier = 0; earlier < k; ++earlier)
      HWY_DYNAMIC_DISPATCH(ZeroWhereEqualRange)(input(call, earlier) + i, best, gradient, n);
  }
}

int32_t runMergeBackward(const OpCall& call) noexcept {
  const int32_t parts = call.inCount - 1;
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  inStretches(call, call.in[parts].shape.elements(), [&](int64_t i, int64_t n) {
    for (int32_t k = 0; k < parts; ++k)
      if (float* gradient = output(call, k)) mergeGradient(call, mode, k, i, n, gradient + i);
  });
  return 0;
}

int32_t runAdd(const OpCall& call) noexcept {
  const float* x = input(call, add::kX);
  float* y = output(call, add::kY);
  inParts(call, call.out[add::kY].shape.elements(), [&](int64_t i, int64_t n) {
    HWY_DYNAMIC_DISPATCH(AddRange)(y + i, x + i, y + i, n);
  });
  return 0;
}

int32_t runMaskAnd(const OpCall& call) noexcept {
  const auto *a = input<uint8_t>(call, maskAnd::kA), *b = input<uint8_t>(call, maskAnd::kB);
  auto* y = output<uint8_t>(call, maskAnd::kY);
  const int64_t n = call.out[maskAnd::kY].shape.elements();
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<uint8_t>((a[i] != 0) & (b[i] != 0));
  return 0;
}

// Few features are repeated until they fill a period worth a vector loop.
constexpr int64_t kPeriod = 256;

int64_t stretchOf(const Shape& shape) {
  const int64_t F = std::max<int64_t>(shape.last(), 1);
  return std::min((kPeriod + F - 1) / F, std::max<int64_t>(shape.rows(), 1)) * F;
}

void normalizeWith(const OpCall& call, const float* mean, const float* variance, const float* x,
                   float* y) {
  const auto& attr = call.attr<NormalizeAttributes>();
  const Shape& shape = call.out[0].shape;
  const int64_t n = shape.elements(), F = shape.last(), stretch = stretchOf(shape);
  if (n == 0) return;
  float* deviations = static_cast<float*>(call.scratch);
  float* means = mean ? deviations + stretch : nullptr;
  for (int64_t f = 0; f < F; ++f) {
    deviations[f] = std::max(std::sqrt(variance[f]), static_cast<float>(attr.epsilon));
  }
  for (int64_t f = F; f < stretch; ++f) deviations[f] = deviations[f - F];
  for (int64_t f = 0; means && f < stretch; ++f) means[f] = f < F ? mean[f] : means[f - F];
  parallelFor(call.context->threads, n, roundUp(kCheapGrain, stretch),
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; i += stretch) {
                  HWY_DYNAMIC_DISPATCH(NormalizeRange)
                  (x + i, means, deviations, attr.invert, y + i, std::min(stretch, end - i));
                }
              });
}

KernelChoice describeNormalize(const OpCall& call) noexcept {
  const Shape& shape = call.out[0].shape;
  return describeShared(call, "elements", shape.elements(),
                        roundUp(kCheapGrain, std::max<int64_t>(stretchOf(shape), 1)));
}

size_t normalizeScratch(const OpCall& call) noexcept {
  return static_cast<size_t>(2 * stretchOf(call.out[0].shape)) * sizeof(float);
}

int32_t runNormalize(const OpCall& call) noexcept {
  using namespace normalize;
  normalizeWith(call, input(call, kMean), input(call, kVariance), input(call, kX),
                output(call, kY));
  return 0;
}

int32_t runNormalizeBackward(const OpCall& call) noexcept {
  using namespace normalizeBackward;
  normalizeWith(call, nullptr, input(call, kVariance), input(call, kDy), output(call, kDx));
  return 0;
}

int32_t runScaleSteps(const OpCall& call) noexcept {
  const Shape& shape = call.out[scaleSteps::kY].shape;
  const int64_t T = shape[1], F = shape[2], rows = shape[0] * T;
  const float* x = input(call, scaleSteps::kX);
  const float* factor = input(call, scaleSteps::kFactor);
  float* y = output(call, scaleSteps::kY);
  const auto multiplyRange = HWY_DYNAMIC_DISPATCH(MultiplyRange);
  parallelFor(call.context->threads, rows,
              std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(F, 1)),
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row)
                  multiplyRange(x + row * F, factor + row / T * F, y + row * F, F);
              });
  return 0;
}

}  // namespace

const Kernel kMerge = {
    .name = "cpu.merge", .launch = runMerge, .describe = describeElements<kCheapGrain>};
const Kernel kMergeBackward = {.name = "cpu.mergeBackward",
                               .launch = runMergeBackward,
                               .describe = describeElements<kCheapGrain>};
const Kernel kAdd = {
    .name = "cpu.add", .launch = runAdd, .describe = describeElements<kCheapGrain>};
const Kernel kScaleSteps = {
    .name = "cpu.scaleSteps", .launch = runScaleSteps, .describe = describeElements<kCheapGrain>};
const Kernel kMaskAnd = {.name = "cpu.maskAnd", .launch = runMaskAnd};
const Kernel kNormalize = {.name = "cpu.normalize",
                           .scratchBytes = normalizeScratch,
                           .launch = runNormalize,
                           .describe = describeNormalize};
const Kernel kNormalizeBackward = {.name = "cpu.normalizeBackward",
                                   .scratchBytes = normalizeScratch,
                                   .launch = runNormalizeBackward,
                                   .describe = describeNormalize};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
