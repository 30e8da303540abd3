// y = x W + b over the last axis, and its gradients.
#include <algorithm>

#include "cuda/column_sum.h"
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

Product forwardProduct(const OpCall& call) {
  const DenseExtents e = denseExtents(call);
  return {.m = e.rows,
          .n = e.outputs,
          .k = e.inputs,
          .a = input(call, dense::kX),
          .lda = e.inputs,
          .b = input(call, dense::kKernel),
          .ldb = e.outputs,
          .c = output(call, dense::kY),
          .ldc = e.outputs,
          .bias = input(call, dense::kBias),
          .rowInvariant = true};
}

Product inputGradient(const OpCall& call) {
  using namespace denseBackward;
  const DenseExtents e = denseExtents(call);
  return {.m = e.rows,
          .n = e.inputs,
          .k = e.outputs,
          .a = input(call, kDy),
          .lda = e.outputs,
          .b = input(call, kKernel),
          .ldb = e.outputs,
          .transposeB = true,
          .c = output(call, kDx),
          .ldc = e.inputs};
}

Product kernelGradient(const OpCall& call) {
  using namespace denseBackward;
  const DenseExtents e = denseExtents(call);
  return {.m = e.inputs,
          .n = e.outputs,
          .k = e.rows,
          .a = input(call, kX),
          .lda = e.inputs,
          .transposeA = true,
          .b = input(call, kDy),
          .ldb = e.outputs,
          .c = output(call, kDKernel),
          .ldc = e.outputs};
}

size_t forwardScratch(const OpCall& call) noexcept {
  return productScratchBytes(call, forwardProduct(call));
}
int32_t forward(const OpCall& call) noexcept {
  return multiply(call, forwardProduct(call), call.scratch);
}

// One after the other, over the same memory.
size_t backwardScratch(const OpCall& call) noexcept {
  using namespace denseBackward;
  const DenseExtents e = denseExtents(call);
  size_t bytes = 0;
  if (call.out[kDx].present()) bytes = productScratchBytes(call, inputGradient(call));
  if (call.out[kDKernel].present())
    bytes = std::max(bytes, productScratchBytes(call, kernelGradient(call)));
  if (call.out[kDBias].present()) bytes = std::max(bytes, columnSumScratchBytes(e.rows, e.outputs));
  return bytes;
}
int32_t backward(const OpCall& call) noexcept {
  using namespace denseBackward;
  const DenseExtents e = denseExtents(call);
  int32_t status = 0;
  if (call.out[kDx].present()) status = multiply(call, inputGradient(call), call.scratch);
  if (status == 0 && call.out[kDKernel].present())
    status = multiply(call, kernelGradient(call), call.scratch);
  if (status == 0 && call.out[kDBias].present())
    status = sumColumns(
        call, {input(call, kDy), e.rows, e.outputs, e.outputs, output(call, kDBias)}, call.scratch);
  return status;
}

}  // namespace

Kernel denseKernel() {
  return {.name = "cuda.dense", .scratchBytes = forwardScratch, .launch = forward};
}
Kernel denseBackwardKernel() {
  return {.name = "cuda.denseBackward", .scratchBytes = backwardScratch, .launch = backward};
}

}  // namespace sluice::cuda
