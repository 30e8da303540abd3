// y = x W + b over the last axis, and its gradients.
#include "cpu/arguments.h"
#include "cpu/blas.h"
#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/pack.h"
#include "cpu/parallel.h"
#include "cpu/speed.h"
#include "cpu/sums.h"

namespace sluice::cpu {
namespace {

size_t bytes(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

// Packed for forward: the bias, padded to vectors, then the kernel.
size_t packedBytes(const OpCall& call) noexcept {
  const DenseExtents e = denseExtents(call);
  const int64_t lanes = tileKernels().lanes;
  return bytes(packedFloats(lanes, e.inputs + 1, e.outputs));
}
void pack(const OpCall& call, void* packed) noexcept {
  const DenseExtents e = denseExtents(call);
  const int64_t lanes = tileKernels().lanes;
  const int64_t padded = roundUp(e.outputs, lanes);
  float* start = static_cast<float*>(packed);
  std::fill_n(start, padded, 0.0f);
  if (const float* bias = input(call, dense::kBias)) std::copy_n(bias, e.outputs, start);
  packMatrix(lanes, e.inputs, e.outputs, input(call, dense::kKernel), e.outputs, 1, start + padded);
}

// Without operands.
Product productOf(const DenseExtents& e) {
  Product product;
  product.lda = e.inputs;
  product.ldc = e.outputs;
  product.rows = e.rows;
  product.k = e.inputs;
  product.n = e.outputs;
  return product;
}

int32_t forward(const OpCall& call) noexcept {
  const DenseExtents e = denseExtents(call);
  const float* start = static_cast<const float*>(call.packed);
  Product product = productOf(e);
  product.a = input(call, dense::kX);
  product.b = start + roundUp(e.outputs, tileKernels().lanes);
  product.c = output(call, dense::kY);
  product.start = start;
  const FloatingPointMode mode;
  multiply(call.context->threads, product);
  return 0;
}

double flopOf(const DenseExtents& e) {
  return 2.0 * static_cast<double>(e.rows) * static_cast<double>(e.inputs) *
         static_cast<double>(e.outputs);
}

// Seconds that the product takes with these threads.
double secondsOf(const Product& product, ProductSplit split) {
  const int64_t rows =
      split.byRows ? (product.rows + split.threads - 1) / split.threads : product.rows;
  const int64_t columns =
      split.byRows ? product.n : (product.n + split.threads - 1) / split.threads;
  return productSeconds(rows, product.k, columns);
}

KernelChoice describe(const OpCall& call) noexcept {
  const DenseExtents e = denseExtents(call);
  const Product product = productOf(e);
  const ProductSplit split = splitOf(call.context->threads, product);
  return {.split = split.byRows ? "rows" : "columns",
          .threads = split.threads,
          .how = "own products",
          .flop = flopOf(e),
          .seconds = secondsOf(product, split)};
}

// Packed for backward: the transposed kernel.
size_t packedBackwardBytes(const OpCall& call) noexcept {
  const DenseExtents e = denseExtents(call);
  return bytes(packedFloats(tileKernels().lanes, e.outputs, e.inputs));
}
void packBackward(const OpCall& call, void* packed) noexcept {
  const DenseExtents e = denseExtents(call);
  packMatrix(tileKernels().lanes, e.outputs, e.inputs, input(call, denseBackward::kKernel), 1,
             e.outputs, static_cast<float*>(packed));
}

void inputGradient(const OpCall& call, const DenseExtents& e, const float* dy, float* dx) {
  Product product = productOf({e.rows, e.outputs, e.inputs});
  product.a = dy;
  product.b = static_cast<const float*>(call.packed);
  product.c = dx;
  multiply(call.context->threads, product);
}

// The gradient of the kernel goes in tiles whose edges follow from the shape alone, because BLAS
// gives other bits for other cuts.
constexpr int64_t kTile = 256;

int64_t tilesOf(const DenseExtents& e) {
  return roundUp(e.outputs, kTile) / kTile * (roundUp(e.inputs, kTile) / kTile);
}
int kernelGradientThreads(int threads, const DenseExtents& e) {
  constexpr int64_t kWorthATask = 1 << 20;
  const int64_t operations = 2 * e.rows * e.inputs * e.outputs;
  return static_cast<int>(std::min<int64_t>({threads, 1 + operations / kWorthATask, tilesOf(e)}));
}

void kernelGradient(int threads, const DenseExtents& e, const float* x, const float* dy,
                    float* dKernel) {
  const int64_t across = roundUp(e.outputs, kTile) / kTile;
  parallelTasks(kernelGradientThreads(threads, e), tilesOf(e), [&](int64_t tile) {
    const int64_t row = tile / across * kTile;
    const int64_t column = tile % across * kTile;
    blas::sgemm(blas::Transpose::Yes, blas::Transpose::No, std::min(kTile, e.inputs - row),
                std::min(kTile, e.outputs - column), e.rows, x + row, e.inputs, dy + column,
                e.outputs, 0.0f, dKernel + row * e.outputs + column, e.outputs);
  });
}

int32_t backward(const OpCall& call) noexcept {
  const DenseExtents e = denseExtents(call);
  const float* x = input(call, denseBackward::kX);
  const float* dy = input(call, denseBackward::kDy);
  const int threads = call.context->threads;
  const FloatingPointMode mode;
  if (float* dx = output(call, denseBackward::kDx)) inputGradient(call, e, dy, dx);
  if (float* dKernel = output(call, denseBackward::kDKernel))
    kernelGradient(threads, e, x, dy, dKernel);
  if (float* dBias = output(call, denseBackward::kDBias))
    columnSums(threads, e.rows, e.outputs, dy, dBias);
  return 0;
}

KernelChoice describeBackward(const OpCall& call) noexcept {
  const DenseExtents e = denseExtents(call);
  const int threads = call.context->threads;
  KernelChoice choice;
  if (call.out[denseBackward::kDx].present()) {
    const Product product = productOf({e.rows, e.outputs, e.inputs});
    const ProductSplit split = splitOf(threads, product);
    choice = {.split = split.byRows ? "rows" : "columns",
              .threads = split.threads,
              .how = "own products",
              .flop = flopOf(e),
              .seconds = secondsOf(product, split)};
  }
  if (call.out[denseBackward::kDKernel].present()) {
    const bool both = choice.flop > 0;
    const int useful = std::max(1, kernelGradientThreads(threads, e));
    choice.how = both ? "own products, weight gradients by BLAS" : "weight gradients by BLAS";
    choice.split = both ? "rows, then tiles" : "tiles";
    choice.threads = std::max(choice.threads, useful);
    choice.flop += flopOf(e);
    // A few columns cost as much as a vector of them.
    const DenseExtents padded{e.rows, e.inputs, roundUp(e.outputs, tileKernels().lanes)};
    choice.seconds += flopOf(padded) / (blasSpeed() * useful);
  }
  return choice;
}

}  // namespace

const Kernel kDense = {.name = "cpu.dense",
                       .packedBytes = packedBytes,
                       .pack = pack,
                       .launch = forward,
                       .describe = describe};
const Kernel kDenseBackward = {.name = "cpu.denseBackward",
                               .packedBytes = packedBackwardBytes,
                               .pack = packBackward,
                               .launch = backward,
                               .describe = describeBackward};

}  // namespace sluice::cpu
