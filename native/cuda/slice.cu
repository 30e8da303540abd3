// Slice and its backward.
#include "cuda/kernels.h"
#include "cuda/move.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

// Where a slice lies in the whole.
struct Taken {
  AxisView whole;
  int64_t begin, step, extent;

  Taken(const SliceAttributes& attributes, const Shape& whole, const Shape& part)
      : whole(whole, attributes.axis),
        begin(attributes.begin(this->whole.extent)),
        step(attributes.step),
        extent(part[attributes.axis]) {}
};

struct Slice {
  template <typename Unit>
  static int32_t run(const OpCall& call) noexcept {
    const auto* x = input<Unit>(call, slice::kX);
    auto* y = output<Unit>(call, slice::kY);
    const Taken taken(call.attr<SliceAttributes>(), call.in[slice::kX].shape,
                      call.out[slice::kY].shape);
    const int64_t inner = taken.whole.inner, extent = taken.whole.extent;
    if (taken.step == 1)
      return copyRows(call, taken.whole.outer, taken.extent * inner, y, taken.extent * inner,
                      x + taken.begin * inner, extent * inner);
    return forEachOfRows(
        call, taken.whole.outer * taken.extent, inner, [=] __device__(int64_t row, int64_t i) {
          const int64_t outer = row / taken.extent;
          const int64_t from = taken.begin + (row - outer * taken.extent) * taken.step;
          y[row * inner + i] = x[(outer * extent + from) * inner + i];
        });
  }
};

struct SliceBackward {
  template <typename Unit>
  static int32_t run(const OpCall& call) noexcept {
    const auto* dy = input<Unit>(call, sliceBackward::kDy);
    auto* dx = output<Unit>(call, sliceBackward::kDx);
    const Taken taken(call.attr<SliceAttributes>(), call.out[sliceBackward::kDx].shape,
                      call.in[sliceBackward::kDy].shape);
    const int64_t inner = taken.whole.inner, extent = taken.whole.extent;
    return forEachOfRows(
        call, taken.whole.outer * extent, inner, [=] __device__(int64_t row, int64_t i) {
          const int64_t outer = row / extent, offset = row - outer * extent - taken.begin;
          const int64_t from = offset / taken.step;
          const bool was = from * taken.step == offset && from >= 0 && from < taken.extent;
          dx[row * inner + i] = was ? dy[(outer * taken.extent + from) * inner + i] : Unit{0};
        });
  }
};

}  // namespace

Kernel sliceKernel() { return {.name = "cuda.slice", .launch = ofAnyType<Slice>}; }
Kernel sliceBackwardKernel() {
  return {.name = "cuda.sliceBackward", .launch = ofAnyType<SliceBackward>};
}

}  // namespace sluice::cuda
