// Reverse, Concat, Split and MaskSteps.
#include "cuda/kernels.h"
#include "cuda/move.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

constexpr int kWarp = 32;

// Of each row of a mask [B,T], which step each step takes the place of: the k-th valid one that of
// the k-th valid one from behind; a masked one its own. A warp a row. `places` [B,T] is for notes.
__global__ void __launch_bounds__(kThreads)
    sourcesKernel(const uint8_t* mask, int64_t B, int32_t T, int32_t* places, int32_t* sources) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t row = (int64_t{blockIdx.x} * kThreads + threadIdx.x) / kWarp;
  if (row >= B) return;
  mask += row * T;
  places += row * T;
  sources += row * T;
  const auto earlier = [&](unsigned valid) { return __popc(valid & ((1u << lane) - 1)); };
  int32_t count = 0;
  for (int32_t first = 0; first < T; first += kWarp) {
    const int32_t t = first + lane;
    const bool own = t < T && mask[t];
    const unsigned valid = __ballot_sync(0xffffffffu, own);
    if (own) places[count + earlier(valid)] = t;
    count += __popc(valid);
  }
  __syncwarp();
  int32_t before = 0;
  for (int32_t first = 0; first < T; first += kWarp) {
    const int32_t t = first + lane;
    const bool own = t < T && mask[t];
    const unsigned valid = __ballot_sync(0xffffffffu, own);
    if (t < T) sources[t] = own ? places[count - 1 - before - earlier(valid)] : t;
    before += __popc(valid);
  }
}

size_t scratchOfReverse(const OpCall& call) noexcept {
  const Shape& x = call.in[reverse::kX].shape;
  return call.in[reverse::kMask].present() ? 2 * static_cast<size_t>(x[0] * x[1]) * sizeof(int32_t)
                                           : 0;
}
const char* whyNotReverse(const OpCall& call) noexcept {
  return call.in[reverse::kX].shape[1] > INT32_MAX - kWarp ? "there are too many steps" : nullptr;
}

struct Reverse {
  template <typename Unit>
  static int32_t run(const OpCall& call) noexcept {
    const Shape& shape = call.in[reverse::kX].shape;
    const int64_t B = shape[0], T = shape[1];
    const auto* mask = input<uint8_t>(call, reverse::kMask);
    auto* places = static_cast<int32_t*>(call.scratch);
    int32_t* sources = mask ? places + B * T : nullptr;
    if (mask) {
      const Grid grid{dim3(static_cast<unsigned>(divideUp(B, kThreads / kWarp))), dim3(kThreads)};
      if (const int32_t status = launch(call, sourcesKernel, grid, mask, B, T, places, sources))
        return status;
    }
    const auto* x = input<Unit>(call, reverse::kX);
    auto* y = output<Unit>(call, reverse::kY);
    const int64_t n = perStep(shape);
    return forEachOfRows(call, B * T, n, [=] __device__(int64_t step, int64_t i) {
      const int64_t row = step / T, t = step - row * T;
      const int64_t from = row * T + (sources ? sources[step] : T - 1 - t);
      y[step * n + i] = x[from * n + i];
    });
  }
};

struct Concat {
  template <typename Unit>
  static int32_t run(const OpCall& call) noexcept {
    const int axis = call.attr<ConcatAttributes>().axis;
    const AxisView whole(call.out[0].shape, axis);
    auto* y = output<Unit>(call, 0);
    int32_t status = 0;
    for (int part = 0; status == 0 && part < call.inCount; ++part) {
      const int64_t width = call.in[part].shape[axis] * whole.inner;
      status = copyRows(call, whole.outer, width, y, whole.extent * whole.inner,
                        input<Unit>(call, part), width);
      y += width;
    }
    return status;
  }
};

struct Split {
  template <typename Unit>
  static int32_t run(const OpCall& call) noexcept {
    const auto& attributes = call.attr<ConcatAttributes>();
    const AxisView whole(call.in[0].shape, attributes.axis);
    const auto* x = input<Unit>(call, 0);
    int32_t status = 0;
    for (int part = 0; status == 0 && part < call.outCount; ++part) {
      const int64_t width = attributes.extents[part] * whole.inner;
      if (call.out[part].present())
        status = copyRows(call, whole.outer, width, output<Unit>(call, part), width, x,
                          whole.extent * whole.inner);
      x += width;
    }
    return status;
  }
};

struct MaskSteps {
  template <typename Unit>
  static int32_t run(const OpCall& call) noexcept {
    const Shape& shape = call.in[maskSteps::kX].shape;
    const auto* x = input<Unit>(call, maskSteps::kX);
    const auto* mask = input<uint8_t>(call, maskSteps::kMask);
    auto* y = output<Unit>(call, maskSteps::kY);
    const int64_t n = perStep(shape);
    return forEachOfRows(call, shape[0] * shape[1], n, [=] __device__(int64_t step, int64_t i) {
      y[step * n + i] = mask[step] ? x[step * n + i] : Unit{0};
    });
  }
};

}  // namespace

Kernel reverseKernel() {
  return {.name = "cuda.reverse",
          .whyNot = whyNotReverse,
          .scratchBytes = scratchOfReverse,
          .launch = ofAnyType<Reverse>};
}
Kernel concatKernel() { return {.name = "cuda.concat", .launch = ofAnyType<Concat>}; }
Kernel splitKernel() { return {.name = "cuda.split", .launch = ofAnyType<Split>}; }
Kernel maskStepsKernel() { return {.name = "cuda.maskSteps", .launch = ofAnyType<MaskSteps>}; }

}  // namespace sluice::cuda
