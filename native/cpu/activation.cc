#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/activation.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

void ActivateRange(const ActivationSpec& spec, const float* x, float* y, int64_t n) {
  const hn::ScalableTag<float> d;
  WithAnyActivation(d, spec, [&](const auto& activation) HWY_ATTR {
    Transform(
        d, n, y, [&](auto v) HWY_ATTR { return activation.of(v); }, x);
  });
}

// v: the output, or the input where the derivative is taken from it.
void ActivateBackwardRange(const ActivationSpec& spec, const float* v, const float* dy, float* dx,
                           int64_t n) {
  const hn::ScalableTag<float> d;
  WithAnyActivation(d, spec, [&](const auto& activation) HWY_ATTR {
    const auto slope = [&](auto at, auto g) HWY_ATTR { return hn::Mul(g, activation.slope(at)); };
    Transform(d, n, dx, slope, v, dy);
  });
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
HWY_EXPORT(ActivateRange);
HWY_EXPORT(ActivateBackwardRange);
namespace {

int32_t forward(const OpCall& call) noexcept {
  using namespace activation;
  const float* x = input(call, kX);
  float* y = output(call, kY);
  parallelFor(call.context->threads, call.out[kY].shape.elements(), kCostlyGrain,
              [&](int64_t begin, int64_t end) {
                HWY_DYNAMIC_DISPATCH(ActivateRange)
                (call.attr<ActivationSpec>(), x + begin, y + begin, end - begin);
              });
  return 0;
}

int32_t backward(const OpCall& call) noexcept {
  using namespace activationBackward;
  const auto& spec = call.attr<ActivationSpec>();
  const float *v = input(call, needsInput(spec.kind) ? kX : kY), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  parallelFor(call.context->threads, call.out[kDx].shape.elements(), kCheapGrain,
              [&](int64_t begin, int64_t end) {
                HWY_DYNAMIC_DISPATCH(ActivateBackwardRange)
                (spec, v + begin, dy + begin, dx + begin, end - begin);
              });
  return 0;
}

}  // namespace

const Kernel kActivation = {
    .name = "cpu.activation", .launch = forward, .describe = describeElements<kCostlyGrain>};
const Kernel kActivationBackward = {.name = "cpu.activationBackward",
                                    .launch = backward,
                                    .describe = describeElements<kCheapGrain>};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
