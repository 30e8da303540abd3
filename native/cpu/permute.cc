// Permute, Repeat and its adjoint.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/permute.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// y += x
void AddTo(const float* x, float* y, int64_t n) {
  Transform(
      hn::ScalableTag<float>(), n, y, [](auto u, auto v) HWY_ATTR { return hn::Add(u, v); }, y, x);
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cstring>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
HWY_EXPORT(AddTo);
namespace {

int64_t grainFor(int64_t elements) {
  return std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(1, elements));
}

// Rows of y along its last axis, which are gathered from x.
template <typename Element>
void permuteRows(const OpCall& call) {
  const auto& axes = call.attr<PermuteAttributes>().axes;
  const TensorView &x = call.in[permute::kX], &y = call.out[permute::kY];
  const int last = y.shape.rank - 1;
  int64_t strides[kMaxRank] = {};  // in x, by axis of y
  for (int d = 0; d <= last; ++d) {
    strides[d] = 1;
    for (int i = axes[d] + 1; i < x.shape.rank; ++i) strides[d] *= x.shape[i];
  }
  const int64_t width = y.shape.last(), step = strides[last];
  parallelFor(call.context->threads, y.shape.rows(), grainFor(width),
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) {
                  int64_t from = 0, rest = row;
                  for (int d = last - 1; d >= 0; --d) {
                    from += rest % y.shape[d] * strides[d];
                    rest /= y.shape[d];
                  }
                  Element* to = y.as<Element>() + row * width;
                  const Element* source = x.as<const Element>() + from;
                  if (step == 1)
                    std::copy_n(source, width, to);
                  else
                    for (int64_t i = 0; i < width; ++i) to[i] = source[i * step];
                }
              });
}

int32_t runPermute(const OpCall& call) noexcept {
  if (call.out[permute::kY].dtype == DType::Bool)
    permuteRows<uint8_t>(call);
  else
    permuteRows<uint32_t>(call);
  return 0;
}

// Of a tensor [B,T,...]: the elements of a step.
int64_t perStep(const Shape& shape) {
  const int64_t steps = shape[0] * shape[1];
  return steps > 0 ? shape.elements() / steps : 0;
}

int32_t runRepeat(const OpCall& call) noexcept {
  const Shape& shape = call.out[repeat::kY].shape;
  const int64_t T = shape[1], F = perStep(shape);
  const float* x = input(call, repeat::kX);
  float* y = output(call, repeat::kY);
  parallelFor(call.context->threads, shape[0], grainFor(T * F), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * T; i < end * T; ++i) std::copy_n(x + i / T * F, F, y + i * F);
  });
  return 0;
}

int32_t runRepeatBackward(const OpCall& call) noexcept {
  const Shape& shape = call.in[repeatBackward::kDy].shape;
  const int64_t T = shape[1], F = perStep(shape);
  const float* dy = input(call, repeatBackward::kDy);
  float* dx = output(call, repeatBackward::kDx);
  parallelFor(call.context->threads, shape[0], grainFor(T * F), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      std::copy_n(dy + b * T * F, F, dx + b * F);
      for (int64_t t = 1; t < T; ++t)
        HWY_DYNAMIC_DISPATCH(AddTo)(dy + (b * T + t) * F, dx + b * F, F);
    }
  });
  return 0;
}

KernelChoice describePermute(const OpCall& call) noexcept {
  const Shape& shape = call.out[permute::kY].shape;
  return describeShared(call, "rows", shape.rows(), grainFor(shape.last()));
}
KernelChoice describeRepeat(const OpCall& call) noexcept {
  const Shape& shape = call.out[repeat::kY].shape;
  return describeShared(call, "rows", shape[0], grainFor(shape[1] * perStep(shape)));
}
KernelChoice describeRepeatBackward(const OpCall& call) noexcept {
  const Shape& shape = call.in[repeatBackward::kDy].shape;
  return describeShared(call, "rows", shape[0], grainFor(shape[1] * perStep(shape)));
}

}  // namespace

const Kernel kPermute = {.name = "cpu.permute", .launch = runPermute, .describe = describePermute};
const Kernel kRepeat = {.name = "cpu.repeat", .launch = runRepeat, .describe = describeRepeat};
const Kernel kRepeatBackward = {
    .name = "cpu.repeatBackward", .launch = runRepeatBackward, .describe = describeRepeatBackward};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
