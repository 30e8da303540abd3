// Attention: products of matrices by heads, weights from scores.
#include <cstdint>

#include "cuda/arguments.h"
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "cuda/sums.h"

namespace sluice::cuda {
namespace {

// --- products by heads --------------------------------------------------------------------------

// The matrices of a value as they lie: [B,N,rows,columns], or [B,rows,N columns] side by side.
struct Matrices {
  int64_t rows, columns, stride, outer, inner;

  Matrices(const Shape& shape, int64_t heads) {
    const bool apart = shape.rank == 4;
    rows = shape[apart ? 2 : 1];
    columns = apart ? shape[3] : shape[2] / heads;
    stride = apart ? columns : heads * columns;
    inner = apart ? rows * columns : columns;
    outer = heads * rows * columns;
  }
};

int32_t multiplyHeads(const OpCall& call) noexcept {
  using namespace headProduct;
  const auto& attributes = call.attr<HeadProductAttributes>();
  const Matrices a(call.in[kA].shape, attributes.heads), b(call.in[kB].shape, attributes.heads);
  const Matrices c(call.out[kC].shape, attributes.heads);
  Product product;
  product.m = c.rows;
  product.n = c.columns;
  product.k = attributes.transposeA ? a.rows : a.columns;
  product.a = input(call, kA);
  product.lda = a.stride;
  product.transposeA = attributes.transposeA != 0;
  product.b = input(call, kB);
  product.ldb = b.stride;
  product.transposeB = attributes.transposeB != 0;
  product.c = output(call, kC);
  product.ldc = c.stride;
  product.rowInvariant = true;
  product.batch = {.outer = call.out[kC].shape[0],
                   .inner = attributes.heads,
                   .outerA = a.outer,
                   .outerB = b.outer,
                   .outerC = c.outer,
                   .innerA = a.inner,
                   .innerB = b.inner,
                   .innerC = c.inner};
  return multiply(call, product, nullptr);
}

// --- weights, a warp a row ----------------------------------------------------------------------

struct WeightRows {
  float factor;
  bool causal;
  int64_t rows, queries, values, rowsPerBatch;
  const float *scale, *scores;
  const uint8_t* mask;

  __device__ float scaled() const { return scale ? factor * *scale : factor; }
};

int32_t runWeights(const OpCall& call) noexcept {
  using namespace attentionWeights;
  const auto& attributes = call.attr<AttentionWeightsAttributes>();
  const Shape& shape = call.in[kScores].shape;
  const WeightRows all{static_cast<float>(attributes.factor),
                       attributes.causal != 0,
                       shape[0] * shape[1] * shape[2],
                       shape[2],
                       shape[3],
                       shape[1] * shape[2],
                       input(call, kScale),
                       input(call, kScores),
                       input<uint8_t>(call, kMask)};
  float* y = output(call, kY);
  return forEach(call, all.values > 0 ? all.rows * 32 : 0, [=] __device__(int64_t i) {
    const int64_t row = i / 32, q = row % all.queries;
    const float* x = all.scores + row * all.values;
    const uint8_t* mask = all.mask ? all.mask + row / all.rowsPerBatch * all.values : nullptr;
    const float factor = all.scaled();
    const auto isSeen = [&](int64_t v) { return (!mask || mask[v]) && (!all.causal || v <= q); };
    float largest = -INFINITY, sum = 0;
    for (int64_t v = i % 32; v < all.values; v += 32)
      if (isSeen(v)) largest = fmaxf(largest, factor * x[v]);
    largest = maxOfLanes<32>(largest);
    for (int64_t v = i % 32; v < all.values; v += 32)
      if (isSeen(v)) sum += expf(factor * x[v] - largest);
    sum = sumOfLanes<32>(sum);
    for (int64_t v = i % 32; v < all.values; v += 32)
      y[row * all.values + v] = isSeen(v) ? expf(factor * x[v] - largest) / sum : 0.0f;
  });
}

int32_t runWeightsBackward(const OpCall& call) noexcept {
  using namespace attentionWeightsBackward;
  const auto& attributes = call.attr<AttentionWeightsAttributes>();
  const Shape& shape = call.in[kScores].shape;
  const int64_t rows = shape[0] * shape[1] * shape[2], values = shape[3];
  const auto factor = static_cast<float>(attributes.factor);
  const float *scale = input(call, kScale), *scores = input(call, kScores);
  const float *y = input(call, kY), *dy = input(call, kDy);
  float *dScores = output(call, kDScores), *dScale = output(call, kDScale);
  const auto row = [=] __device__(int64_t i, double(&sums)[1]) {
    const int64_t first = i / 32 * values;
    const float scaled = scale ? factor * *scale : factor;
    float mean = 0;
    for (int64_t v = i % 32; v < values; v += 32) mean += y[first + v] * dy[first + v];
    mean = sumOfLanes<32>(mean);
    for (int64_t v = i % 32; v < values; v += 32) {
      const float d = y[first + v] * (dy[first + v] - mean);
      dScores[first + v] = scaled * d;
      sums[0] += static_cast<double>(factor * d) * static_cast<double>(scores[first + v]);
    }
  };
  const int64_t items = values > 0 ? rows * 32 : 0;
  if (dScale == nullptr)
    return forEach(call, items, [=] __device__(int64_t i) {
      double sums[1] = {};
      row(i, sums);
    });
  return sumTo(call, items, dScale, call.scratch, row);
}

size_t backwardScratch(const OpCall& call) noexcept {
  const Shape& shape = call.in[attentionWeightsBackward::kScores].shape;
  return sumToScratchBytes(shape[0] * shape[1] * shape[2] * 32);
}

}  // namespace

Kernel headProductKernel() { return {.name = "cuda.headProduct", .launch = multiplyHeads}; }
Kernel attentionWeightsKernel() { return {.name = "cuda.attentionWeights", .launch = runWeights}; }
Kernel attentionWeightsBackwardKernel() {
  return {.name = "cuda.attentionWeightsBackward",
          .scratchBytes = backwardScratch,
          .launch = runWeightsBackward};
}

}  // namespace sluice::cuda
