// What tensors cost the loss, and the gradient of that.
#include "cuda/arguments.h"
#include "cuda/kernels.h"
#include "cuda/sums.h"

namespace sluice::cuda {
namespace {

int32_t runPenalty(const OpCall& call) noexcept {
  using namespace penalty;
  const auto& attributes = call.attr<PenaltyAttributes>();
  const double l1 = attributes.l1, l2 = attributes.l2;
  const float *x = input(call, kX), *dy = input(call, kDy);
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const double* scale = input<double>(call, kScale);
  float* dx = output(call, kDx);
  const int64_t n = call.in[kX].shape.elements();
  const int64_t each = mask ? n / std::max<int64_t>(1, call.in[kMask].shape.elements()) : 1;
  const auto element = [=] __device__(int64_t i, double(&sums)[1]) {
    if (i >= n) return;
    float slope = 0;
    if (*scale != 0 && (!mask || mask[i / each])) {
      const float v = x[i], sign = v > 0 ? 1.0f : v < 0 ? -1.0f : 0.0f;
      const auto wide = static_cast<double>(v);
      sums[0] += *scale * (l1 * fabs(wide) + l2 * wide * wide);
      slope = fmaf(static_cast<float>(2 * *scale * l2), v, static_cast<float>(*scale * l1) * sign);
    }
    if (dx) dx[i] = (dy ? dy[i] : 0.0f) + slope;
  };
  if (double* sum = output<double>(call, kSum))
    return sumOver<1>(call, n, sum, call.scratch, element);
  return forEach(call, n, [=] __device__(int64_t i) {
    double sums[1] = {};
    element(i, sums);
  });
}

size_t scratchBytes(const OpCall& call) noexcept {
  return sumScratchBytes<1>(call.in[penalty::kX].shape.elements());
}

}  // namespace

Kernel penaltyKernel() {
  return {.name = "cuda.penalty", .scratchBytes = scratchBytes, .launch = runPenalty};
}

}  // namespace sluice::cuda
