// Attention: products of matrices by heads, weights from scores.
#include <cstdint>

#include "cuda/device/softmax.h"
#include "cuda/gemm.h"
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "engine/backend/arguments.h"

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

// --- weights ------------------------------------------------------------------------------------

// A row of scores is that of a query in a head.
Groups rowsOf(const Shape& scores) { return {scores[0] * scores[1] * scores[2], scores[3], false}; }

int32_t runWeights(const OpCall& call) noexcept {
  using namespace attentionWeights;
  const auto& attributes = call.attr<AttentionWeightsAttributes>();
  const Shape& shape = call.in[kScores].shape;
  const auto factor = static_cast<float>(attributes.factor);
  const bool causal = attributes.causal != 0;
  const int64_t queries = shape[2], values = shape[3], rowsPerBatch = shape[1] * queries;
  const float *scale = input(call, kScale), *scores = input(call, kScores);
  const auto* masks = input<uint8_t>(call, kMask);
  float* y = output(call, kY);
  return forEachGroup(
      call, rowsOf(shape), [=] __device__(const Team& team, int64_t row, int64_t members) {
        const int64_t q = row % queries;
        const float scaled = scale ? factor * *scale : factor;
        const uint8_t* mask = masks ? masks + row / rowsPerBatch * values : nullptr;
        softmax(
            team, members, [&](int64_t v) { return (!mask || mask[v]) && (!causal || v <= q); },
            [&](int64_t v) { return scaled * scores[row * values + v]; },
            [&](int64_t v, float weight) { y[row * values + v] = weight; });
      });
}

int32_t runWeightsBackward(const OpCall& call) noexcept {
  using namespace attentionWeightsBackward;
  const auto& attributes = call.attr<AttentionWeightsAttributes>();
  const Groups rows = rowsOf(call.in[kScores].shape);
  const int64_t count = rows.count, values = rows.members;
  const auto factor = static_cast<float>(attributes.factor);
  const float *scale = input(call, kScale), *scores = input(call, kScores);
  const float *y = input(call, kY), *dy = input(call, kDy);
  float *dScores = output(call, kDScores), *dScale = output(call, kDScale);
  auto* parts = dScale ? static_cast<double*>(call.scratch) : nullptr;  // of each row
  const int32_t status =
      forEachGroup(call, rows, [=] __device__(const Team& team, int64_t row, int64_t members) {
        const int64_t first = row * values;
        const float scaled = scale ? factor * *scale : factor;
        const float mean =
            sumOf(team, members, [&](int64_t v) { return y[first + v] * dy[first + v]; });
        const double part = sumOf(team, members, [&](int64_t v) {
          const float d = y[first + v] * (dy[first + v] - mean);
          dScores[first + v] = scaled * d;
          return static_cast<double>(factor * d) * static_cast<double>(scores[first + v]);
        });
        if (parts && row < count && team.lane() == 0) parts[row] = part;
      });
  if (status != 0 || !dScale) return status;
  return reduceGroups<Sum<double>>(
      call, Groups::one(count), parts + count,
      [=] __device__(Sum<double> & own, int64_t, int64_t row) { own.value += parts[row]; },
      [=] __device__(int64_t, const Sum<double>& own) { *dScale = static_cast<float>(own.value); });
}

size_t backwardScratch(const OpCall& call) noexcept {
  using namespace attentionWeightsBackward;
  if (!call.out[kDScale].present()) return 0;
  const int64_t rows = rowsOf(call.in[kScores].shape).count;
  return static_cast<size_t>(rows) * sizeof(double) +
         reduceScratchBytes<Sum<double>>(Groups::one(rows));
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
