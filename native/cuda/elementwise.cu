// Merge, Add, MaskAnd, ScaleSteps and Normalize.
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

struct Parts {
  const float* of[kMaxParts];
  int32_t count;

  Parts(const OpCall& call, int32_t count) : count(count) {
    for (int32_t k = 0; k < count; ++k) of[k] = input(call, k);
  }
  // The first of the parts that has the largest (smallest) value at i.
  __device__ int32_t winner(bool largest, int64_t i) const {
    int32_t best = 0;
    float most = of[0][i];
    for (int32_t k = 1; k < count && most == most; ++k) {
      const float v = of[k][i];
      if (v == v && !(largest ? v > most : v < most)) continue;
      best = k;
      most = v;
    }
    return best;
  }
};

const char* whyNotMerge(const OpCall& call) noexcept {
  return call.inCount > kMaxParts ? "there are more than 64 parts" : nullptr;
}
const char* whyNotMergeBackward(const OpCall& call) noexcept {
  return call.inCount - 1 > kMaxParts ? "there are more than 64 parts" : nullptr;
}

int32_t runMerge(const OpCall& call) noexcept {
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  const Parts parts(call, call.inCount);
  float* y = output(call, merge::kY);
  return forEach(call, call.out[merge::kY].shape.elements(), [=] __device__(int64_t i) {
    if (mode == MergeMode::Maximum || mode == MergeMode::Minimum) {
      y[i] = parts.of[parts.winner(mode == MergeMode::Maximum, i)][i];
      return;
    }
    float sum = parts.of[0][i];
    for (int32_t k = 1; k < parts.count; ++k) {
      const float v = parts.of[k][i];
      sum = mode == MergeMode::Multiply ? sum * v : mode == MergeMode::Subtract ? sum - v : sum + v;
    }
    y[i] = mode == MergeMode::Average ? sum / static_cast<float>(parts.count) : sum;
  });
}

struct Gradients {
  float* of[kMaxParts];
};

int32_t runMergeBackward(const OpCall& call) noexcept {
  const MergeMode mode = call.attr<MergeAttributes>().mode;
  const Parts parts(call, call.inCount - 1);
  const float* dy = input(call, parts.count);
  Gradients gradients{};
  for (int32_t k = 0; k < parts.count; ++k) gradients.of[k] = output(call, k);
  return forEach(call, call.in[parts.count].shape.elements(), [=] __device__(int64_t i) {
    const float d = dy[i];
    const bool one = mode == MergeMode::Maximum || mode == MergeMode::Minimum;
    const int32_t winner = one ? parts.winner(mode == MergeMode::Maximum, i) : 0;
    for (int32_t k = 0; k < parts.count; ++k) {
      if (!gradients.of[k]) continue;
      float own = d;
      if (mode == MergeMode::Average) own /= static_cast<float>(parts.count);
      if (mode == MergeMode::Subtract && k == 1) own = -d;
      if (one && k != winner) own = 0;
      for (int32_t other = 0; mode == MergeMode::Multiply && other < parts.count; ++other)
        if (other != k) own *= parts.of[other][i];
      gradients.of[k][i] = own;
    }
  });
}

int32_t runAdd(const OpCall& call) noexcept {
  const float* x = input(call, add::kX);
  float* y = output(call, add::kY);
  return forEach(call, call.out[add::kY].shape.elements(),
                 [=] __device__(int64_t i) { y[i] += x[i]; });
}

int32_t runMaskAnd(const OpCall& call) noexcept {
  const auto *a = input<uint8_t>(call, maskAnd::kA), *b = input<uint8_t>(call, maskAnd::kB);
  auto* y = output<uint8_t>(call, maskAnd::kY);
  return forEach(call, call.out[maskAnd::kY].shape.elements(),
                 [=] __device__(int64_t i) { y[i] = a[i] && b[i] ? 1 : 0; });
}

int32_t runScaleSteps(const OpCall& call) noexcept {
  const Shape& shape = call.out[scaleSteps::kY].shape;
  const int64_t T = shape[1], F = shape[2];
  const float *x = input(call, scaleSteps::kX), *factor = input(call, scaleSteps::kFactor);
  float* y = output(call, scaleSteps::kY);
  return forEachOfRows(call, shape[0] * T, F, [=] __device__(int64_t step, int64_t f) {
    y[step * F + f] = x[step * F + f] * factor[step / T * F + f];
  });
}

__device__ float deviation(float variance, float epsilon) {
  const float own = sqrtf(variance);
  return own < epsilon ? epsilon : own;
}

int32_t runNormalize(const OpCall& call) noexcept {
  using namespace normalize;
  const auto attributes = call.attr<NormalizeAttributes>();
  const auto epsilon = static_cast<float>(attributes.epsilon);
  const float *x = input(call, kX), *mean = input(call, kMean), *variance = input(call, kVariance);
  float* y = output(call, kY);
  const Shape& shape = call.out[kY].shape;
  const int64_t F = shape.last();
  return forEachOfRows(call, shape.rows(), F, [=] __device__(int64_t row, int64_t f) {
    const float s = deviation(variance[f], epsilon), v = x[row * F + f];
    y[row * F + f] = attributes.invert ? v * s + mean[f] : (v - mean[f]) / s;
  });
}

int32_t runNormalizeBackward(const OpCall& call) noexcept {
  using namespace normalizeBackward;
  const auto attributes = call.attr<NormalizeAttributes>();
  const auto epsilon = static_cast<float>(attributes.epsilon);
  const float *variance = input(call, kVariance), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  const Shape& shape = call.out[kDx].shape;
  const int64_t F = shape.last();
  return forEachOfRows(call, shape.rows(), F, [=] __device__(int64_t row, int64_t f) {
    const float s = deviation(variance[f], epsilon), v = dy[row * F + f];
    dx[row * F + f] = attributes.invert ? v * s : v / s;
  });
}

}  // namespace

Kernel mergeKernel() { return {.name = "cuda.merge", .whyNot = whyNotMerge, .launch = runMerge}; }
Kernel mergeBackwardKernel() {
  return {.name = "cuda.mergeBackward", .whyNot = whyNotMergeBackward, .launch = runMergeBackward};
}
Kernel addKernel() { return {.name = "cuda.add", .launch = runAdd}; }
Kernel maskAndKernel() { return {.name = "cuda.maskAnd", .launch = runMaskAnd}; }
Kernel scaleStepsKernel() { return {.name = "cuda.scaleSteps", .launch = runScaleSteps}; }
Kernel normalizeKernel() { return {.name = "cuda.normalize", .launch = runNormalize}; }
Kernel normalizeBackwardKernel() {
  return {.name = "cuda.normalizeBackward", .launch = runNormalizeBackward};
}

}  // namespace sluice::cuda
