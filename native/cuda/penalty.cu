// What tensors cost the loss, and the gradient of that.
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "engine/backend/arguments.h"

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
  double* sum = output<double>(call, kSum);
  const int64_t n = call.in[kX].shape.elements();
  const int64_t each = mask ? n / std::max<int64_t>(1, call.in[kMask].shape.elements()) : 1;
  return reduceGroups<Sum<double>>(
      call, Groups::one(n), call.scratch,
      [=] __device__(Sum<double> & own, int64_t, int64_t i) {
        float slope = 0;
        if (*scale != 0 && (!mask || mask[i / each])) {
          const float v = x[i], sign = v > 0 ? 1.0f : v < 0 ? -1.0f : 0.0f;
          const auto wide = static_cast<double>(v);
          own.value += *scale * (l1 * fabs(wide) + l2 * wide * wide);
          slope =
              fmaf(static_cast<float>(2 * *scale * l2), v, static_cast<float>(*scale * l1) * sign);
        }
        if (dx) dx[i] = (dy ? dy[i] : 0.0f) + slope;
      },
      [=] __device__(int64_t, const Sum<double>& own) {
        if (sum) *sum = own.value;
      });
}

size_t scratchBytes(const OpCall& call) noexcept {
  return reduceScratchBytes<Sum<double>>(Groups::one(call.in[penalty::kX].shape.elements()));
}

}  // namespace

Kernel penaltyKernel() {
  return {.name = "cuda.penalty", .scratchBytes = scratchBytes, .launch = runPenalty};
}

}  // namespace sluice::cuda
