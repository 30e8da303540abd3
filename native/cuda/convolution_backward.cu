// The gradients of a convolution, as products of matrices over the same windows.
#include <algorithm>

#include "cuda/column_sum.h"
#include "cuda/convolution_units.h"
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

using namespace convolutionBackward;

class Backward {
 public:
  explicit Backward(const OpCall& call) : call_(call), e_(call), units_(singleWindows(e_)) {
    if (call.out[kDx].present() || call.out[kDKernel].present())
      gathered_ = plan_.floats(units_.gatheredFloats());
    size_t most = 0;
    if (call.out[kDBias].present()) most = columnSumScratchBytes(e_.count, e_.filters);
    // The last chunk may be shorter.
    for (const int64_t count : {chunk(), e_.count % std::max<int64_t>(1, chunk())}) {
      if (call.out[kDKernel].present())
        most = std::max(most, productScratchBytes(call, kernelProduct(0, count, nullptr)));
      if (call.out[kDx].present())
        most = std::max(most, productScratchBytes(call, inputProduct(0, count, nullptr)));
    }
    product_ = plan_.take(most);
  }
  size_t scratchBytes() const { return plan_.bytes(); }

  int32_t run() const {
    int32_t status = 0;
    if (call_.out[kDx].present()) status = inputGradient();
    if (status == 0 && call_.out[kDKernel].present()) status = kernelGradient();
    if (status == 0 && call_.out[kDBias].present())
      status = sumColumns(
          call_, {input(call_, kDy), e_.count, e_.filters, e_.filters, output(call_, kDBias)},
          product());
    return status;
  }

 private:
  int64_t chunk() const { return units_.chunk(); }
  float* gathered() const { return at<float>(gathered_); }
  void* product() const { return at<void>(product_); }
  template <typename T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(static_cast<unsigned char*>(call_.scratch) + offset);
  }
  const float* gradients(int64_t first) const {
    const float* dy = input(call_, kDy);
    return dy ? dy + first * e_.filters : nullptr;
  }

  // Of windows that lie at `windows`.
  Product kernelProduct(int64_t first, int64_t count, const float* windows) const {
    return {.m = e_.floats,
            .n = e_.filters,
            .k = count,
            .a = windows,
            .lda = e_.floats,
            .transposeA = true,
            .b = gradients(first),
            .ldb = e_.filters,
            .c = output(call_, kDKernel),
            .ldc = e_.filters,
            .accumulate = first > 0};
  }
  Product inputProduct(int64_t first, int64_t count, float* windows) const {
    return {.m = count,
            .n = e_.floats,
            .k = e_.filters,
            .a = gradients(first),
            .lda = e_.filters,
            .b = input(call_, kKernel),
            .ldb = e_.filters,
            .transposeB = true,
            .c = windows,
            .ldc = e_.floats};
  }

  int32_t kernelGradient() const {
    const float* x = input(call_, kX);
    int32_t status = 0;
    int64_t first = 0;
    do {  // once also where there are no windows: the sum of nothing is 0
      const int64_t count = std::min(chunk(), e_.count - first);
      if (units_.gathered)
        status = gatherWindows(call_, e_.windows, x, nullptr, first, count, gathered());
      if (status == 0)
        status = multiply(call_, kernelProduct(first, count, units_.gathered ? gathered() : x),
                          product());
      first += chunk();
    } while (first < e_.count && status == 0);
    return status;
  }

  int32_t inputGradient() const {
    float* dx = output(call_, kDx);
    if (e_.count == 0) return setValues(call_, call_.out[kDx].shape.elements(), nullptr, dx);
    if (!units_.gathered) return multiply(call_, inputProduct(0, e_.count, dx), product());
    int32_t status = 0;
    for (int64_t first = 0; first < e_.count && status == 0; first += chunk()) {
      const int64_t count = std::min(chunk(), e_.count - first);
      status = multiply(call_, inputProduct(first, count, gathered()), product());
      if (status == 0) status = sumWindows(call_, e_.windows, gathered(), first, count, dx);
    }
    return status;
  }

  const OpCall& call_;
  const ConvolutionExtents e_;
  const WindowUnits units_;
  ScratchPlan plan_;
  size_t gathered_ = 0, product_ = 0;
};

size_t backwardScratch(const OpCall& call) noexcept { return Backward(call).scratchBytes(); }
int32_t backward(const OpCall& call) noexcept { return Backward(call).run(); }

KernelChoice describe(const OpCall& call) noexcept {
  const ConvolutionExtents e(call);
  const int products = (call.out[kDx].present() ? 1 : 0) + (call.out[kDKernel].present() ? 1 : 0);
  return {.split = "windows", .how = singleWindows(e).how, .flop = products * e.flop()};
}

}  // namespace

Kernel convolutionBackwardKernel() {
  return {.name = "cuda.convolutionBackward",
          .whyNot = convolutionWhyNot,
          .scratchBytes = backwardScratch,
          .launch = backward,
          .describe = describe};
}

}  // namespace sluice::cuda
