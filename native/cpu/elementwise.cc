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
void AverageRange(const float* a, const float* b, float* y, int64_t n) {
  const Floats d;
  const auto half = hn::Set(d, 0.5f);
  Transform(
      d, n, y, [&](auto u, auto v) HWY_ATTR { return hn::Mul(hn::Add(u, v), half); }, a, b);
}
void HalveRange(const float* x, float* y, int64_t n) {
  const Floats d;
  const auto half = hn::Set(d, 0.5f);
  Transform(
      d, n, y, [&](auto v) HWY_ATTR { return hn::Mul(v, half); }, x);
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
HWY_EXPORT(AverageRange);
HWY_EXPORT(HalveRange);
HWY_EXPORT(NormalizeRange);
namespace {

template <typename F>
void inParts(const OpCall& call, int64_t n, F&& part) {
  parallelFor(call.context->threads, n, kCheapGrain,
              [&](int64_t begin, int64_t end) { part(begin, end - begin); });
}

int32_t runMerge(const OpCall& call) noexcept {
  using namespace merge;
  const float *a = input(call, kA), *b = input(call, kB);
  float* y = output(call, kY);
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  const auto range = mode == MergeMode::Multiply  ? HWY_DYNAMIC_DISPATCH(MultiplyRange)
                     : mode == MergeMode::Average ? HWY_DYNAMIC_DISPATCH(AverageRange)
                                                  : HWY_DYNAMIC_DISPATCH(AddRange);
  inParts(call, call.out[kY].shape.elements(),
          [&](int64_t i, int64_t n) { range(a + i, b + i, y + i, n); });
  return 0;
}

void mergeGradient(const OpCall& call, float* gradient, const float* other) {
  using namespace mergeBackward;
  const float* dy = input(call, kDy);
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  if (!gradient) return;
  inParts(call, call.in[kDy].shape.elements(), [&](int64_t i, int64_t n) {
    if (mode == MergeMode::Multiply) {
      HWY_DYNAMIC_DISPATCH(MultiplyRange)(dy + i, other + i, gradient + i, n);
    } else if (mode == MergeMode::Average) {
      HWY_DYNAMIC_DISPATCH(HalveRange)(dy + i, gradient + i, n);
    } else {
      std::copy_n(dy + i, n, gradient + i);
    }
  });
}

int32_t runMergeBackward(const OpCall& call) noexcept {
  using namespace mergeBackward;
  mergeGradient(call, output(call, kDa), input(call, kB));
  mergeGradient(call, output(call, kDb), input(call, kA));
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

// Few features are repeated until they fill a stretch worth a vector loop.
constexpr int64_t kStretch = 256;

int64_t stretchOf(const Shape& shape) {
  const int64_t F = std::max<int64_t>(shape.last(), 1);
  return std::min((kStretch + F - 1) / F, std::max<int64_t>(shape.rows(), 1)) * F;
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
