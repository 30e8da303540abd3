// Depthwise convolution: each channel by kernels of its own. A thread an element of what becomes;
// for the kernel's gradient, which is a sum over all windows, several.
#include <algorithm>

#include "cuda/column_sum.h"
#include "cuda/device/windows.h"
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "cuda/windows.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

// The same inputs stand first in both calls.
struct Extents {
  explicit Extents(const OpCall& call)
      : windows(call.attr<WindowAttributes>(), call.in[depthwiseConvolution::kX].shape),
        multiplier(call.in[depthwiseConvolution::kKernel].shape.last()),
        count(windows.rows * windows.windows()) {}
  int64_t filters() const { return windows.channels * multiplier; }

  Windows windows;
  int64_t multiplier;  // kernels of a channel
  int64_t count;       // of windows
};

const char* whyNot(const OpCall& call) noexcept { return windowsWhyNot(Extents(call).windows); }

int32_t forward(const OpCall& call) noexcept {
  using namespace depthwiseConvolution;
  const Extents e(call);
  const WindowGrid n(e.windows);
  const int64_t C = e.windows.channels, F = e.filters(), M = e.multiplier;
  const float *x = input(call, kX), *kernel = input(call, kKernel), *bias = input(call, kBias);
  float* y = output(call, kY);
  return forEachOfRows(call, e.count, F, [=] __device__(int64_t window, int64_t f) {
    const int64_t c = f / M;
    float sum = bias ? bias[f] : 0.0f;
    n.eachElement(n.window(static_cast<int>(window)), [&](int position, int tap) {
      sum = fmaf(x[position * C + c], kernel[tap * F + f], sum);
    });
    y[window * F + f] = sum;
  });
}

int32_t inputGradient(const OpCall& call) noexcept {
  using namespace depthwiseConvolutionBackward;
  const Extents e(call);
  const WindowGrid n(e.windows);
  const int64_t C = e.windows.channels, F = e.filters(), M = e.multiplier;
  const float *kernel = input(call, kKernel), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  return forEachOfRows(call, e.windows.rows * e.windows.positions(), C,
                       [=] __device__(int64_t position, int64_t c) {
                         float sum = 0;
                         const auto add = [&](int window, int tap) {
                           for (int64_t f = c * M; f < c * M + M; ++f)
                             sum = fmaf(dy[window * F + f], kernel[tap * F + f], sum);
                         };
                         n.eachWindow(n.position(static_cast<int>(position)), add);
                         dx[position * C + c] = sum;
                       });
}

// One for each element of the kernel [taps,F].
Groups kernelGroups(const Extents& e) {
  const int64_t floats = e.windows.taps() * e.filters();
  return {floats, e.count, floats > 1};
}

int32_t kernelGradient(const OpCall& call) noexcept {
  using namespace depthwiseConvolutionBackward;
  const Extents e(call);
  const WindowGrid n(e.windows);
  const int64_t C = e.windows.channels, F = e.filters(), M = e.multiplier;
  const float *x = input(call, kX), *dy = input(call, kDy);
  float* dKernel = output(call, kDKernel);
  struct Element {
    int64_t f, c;
    int tap;
  };
  return reduceGroups<Sum<float>>(
      call, kernelGroups(e), call.scratch,
      [=] __device__(int64_t group) {
        const int64_t tap = group / F, f = group - tap * F;
        return Element{f, f / M, static_cast<int>(tap)};
      },
      [=] __device__(Sum<float> & own, const Element& element, int64_t window) {
        const int position = n.positionOf(n.window(static_cast<int>(window)), element.tap);
        if (position < 0) return;
        own.value = fmaf(x[position * C + element.c], dy[window * F + element.f], own.value);
      },
      [=] __device__(int64_t group, const Sum<float>& own) { dKernel[group] = own.value; });
}

// One after the other, over the same memory.
size_t backwardScratch(const OpCall& call) noexcept {
  using namespace depthwiseConvolutionBackward;
  const Extents e(call);
  size_t bytes = 0;
  if (call.out[kDKernel].present()) bytes = reduceScratchBytes<Sum<float>>(kernelGroups(e));
  if (call.out[kDBias].present())
    bytes = std::max(bytes, columnSumScratchBytes(e.count, e.filters()));
  return bytes;
}

int32_t backward(const OpCall& call) noexcept {
  using namespace depthwiseConvolutionBackward;
  int32_t status = 0;
  if (call.out[kDx].present()) status = inputGradient(call);
  if (status == 0 && call.out[kDKernel].present()) status = kernelGradient(call);
  if (status != 0 || !call.out[kDBias].present()) return status;
  const Extents e(call);
  return sumColumns(call,
                    {input(call, kDy), e.count, e.filters(), e.filters(), output(call, kDBias)},
                    call.scratch);
}

}  // namespace

Kernel depthwiseConvolutionKernel() {
  return {.name = "cuda.depthwiseConvolution", .whyNot = whyNot, .launch = forward};
}
Kernel depthwiseConvolutionBackwardKernel() {
  return {.name = "cuda.depthwiseConvolutionBackward",
          .whyNot = whyNot,
          .scratchBytes = backwardScratch,
          .launch = backward};
}

}  // namespace sluice::cuda
