// Convolution as products of matrices: windows, gathered chunk by chunk where they do not lie as
// the rows of a matrix, times the kernel.
#include <algorithm>

#include "cuda/convolution_units.h"
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

// Of the units from `first` on, which lie at a.
Product forwardProduct(const OpCall& call, const ConvolutionExtents& e, const WindowUnits& units,
                       int64_t first, int64_t count, const float* a) {
  const bool lines = units.rows > 1;
  Product product{.m = lines ? units.rows : count,
                  .n = e.filters,
                  .k = e.floats,
                  .a = a,
                  .lda = units.step,
                  .b = input(call, convolution::kKernel),
                  .ldb = e.filters,
                  .c = output(call, convolution::kY) + first * units.rows * e.filters,
                  .ldc = e.filters,
                  .bias = input(call, convolution::kBias),
                  .rowInvariant = true};
  if (lines)
    product.batch = {.outer = count, .outerA = units.floats, .outerC = units.rows * e.filters};
  return product;
}

// The last positions of what stood before and x.
int32_t keepLast(const OpCall& call, const Windows& n) noexcept {
  using namespace convolution;
  const float *x = input(call, kX), *before = input(call, kBefore);
  float* after = output(call, kAfter);
  const int64_t left = n.w.before * n.channels, floats = n.w.in * n.channels;
  return forEach(call, n.rows * left, [=] __device__(int64_t i) {
    const int64_t row = i / left, from = floats - left + i % left;
    after[i] = from >= 0 ? x[row * floats + from] : before[(row + 1) * left + from];
  });
}

size_t forwardScratch(const OpCall& call) noexcept {
  // A product whose rows do not depend on each other needs none.
  return static_cast<size_t>(windowLines(ConvolutionExtents(call)).gatheredFloats()) *
         sizeof(float);
}

int32_t forward(const OpCall& call) noexcept {
  using namespace convolution;
  const ConvolutionExtents e(call);
  const WindowUnits units = windowLines(e);
  const float* x = input(call, kX);
  auto* gathered = static_cast<float*>(call.scratch);
  int32_t status = 0;
  for (int64_t first = 0; first < units.count && status == 0; first += units.chunk()) {
    const int64_t count = std::min(units.chunk(), units.count - first);
    if (units.gathered)
      status = gatherWindows(call, units.windows, x, input(call, kBefore), first, count, gathered);
    if (status == 0)
      status = multiply(call,
                        forwardProduct(call, e, units, first, count, units.gathered ? gathered : x),
                        nullptr);
  }
  if (status == 0 && output(call, kAfter)) status = keepLast(call, e.windows);
  return status;
}

KernelChoice describe(const OpCall& call) noexcept {
  const ConvolutionExtents e(call);
  return {.split = "windows", .how = windowLines(e).how, .flop = e.flop()};
}

}  // namespace

Kernel convolutionKernel() {
  return {.name = "cuda.convolution",
          .whyNot = convolutionWhyNot,
          .scratchBytes = forwardScratch,
          .launch = forward,
          .describe = describe};
}

}  // namespace sluice::cuda
