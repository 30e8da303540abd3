// Scores that are sums over features of weighted tanh(query + key), and their gradients.
#include <algorithm>

#include "cuda/arguments.h"
#include "cuda/gemm.h"
#include "cuda/kernels.h"
#include "cuda/sums.h"

namespace sluice::cuda {
namespace {

// The inputs stand at the same places in both calls.
struct Scores {
  int64_t rows, queries, values, features;
  const float *query, *key, *weight, *inner;

  explicit Scores(const OpCall& call) {
    using namespace additiveScores;
    const Shape &q = call.in[kQuery].shape, &k = call.in[kKey].shape;
    rows = q[0], queries = q[1], values = k[1], features = q[2];
    query = input(call, kQuery), key = input(call, kKey);
    weight = input(call, kWeight), inner = input(call, kInner);
  }
  __device__ float scale() const { return inner ? *inner : 1.0f; }
  __device__ float weightOf(int64_t d) const { return weight ? weight[d] : 1.0f; }
};

// A warp a score.
int32_t run(const OpCall& call) noexcept {
  const Scores all(call);
  float* scores = output(call, additiveScores::kScores);
  const int64_t n = all.rows * all.queries * all.values;
  return forEach(call, n * 32, [=] __device__(int64_t i) {
    const int64_t score = i / 32, q = score / all.values;
    const int64_t k = q / all.queries * all.values + score % all.values;
    const float scale = all.scale();
    float sum = 0;
    for (int64_t d = i % 32; d < all.features; d += 32)
      sum += all.weightOf(d) *
             tanhf(scale * (all.query[q * all.features + d] + all.key[k * all.features + d]));
    sum = sumOfLanes<32>(sum);
    if (i % 32 == 0) scores[score] = sum;
  });
}

// A thread a feature of a query goes over the values, and gives its part of what is summed over
// queries too; one a feature of a value goes over the queries.
int32_t runBackward(const OpCall& call) noexcept {
  using namespace additiveScoresBackward;
  const Scores all(call);
  const float* dScores = input(call, kDScores);
  float *dQuery = output(call, kDQuery), *dKey = output(call, kDKey);
  float *dWeight = output(call, kDWeight), *dInner = output(call, kDInner);
  const int64_t ofQueries = all.rows * all.queries, D = all.features;
  auto* weightParts = static_cast<float*>(call.scratch);
  void* scratch = weightParts + divideUp(ofQueries * D, 2) * 2;
  const auto ofQuery = [=] __device__(int64_t i, double(&sums)[1]) {
    if (i >= ofQueries * D) return;
    const int64_t q = i / D, d = i % D, b = q / all.queries;
    const float scale = all.scale(), own = all.query[i], weight = all.weightOf(d);
    float gradient = 0, part = 0, inner = 0;
    for (int64_t v = 0; v < all.values; ++v) {
      const float sum = own + all.key[(b * all.values + v) * D + d];
      const float ds = dScores[q * all.values + v], t = tanhf(scale * sum);
      const float slope = ds * weight * (1.0f - t * t);
      gradient += scale * slope;
      part += ds * t;
      inner += slope * sum;
    }
    if (dQuery) dQuery[i] = gradient;
    if (dWeight) weightParts[i] = part;
    sums[0] += static_cast<double>(inner);
  };
  int32_t status = 0;
  if (dInner)
    status = sumTo(call, ofQueries * D, dInner, scratch, ofQuery);
  else if (dQuery || dWeight)
    status = forEach(call, ofQueries * D, [=] __device__(int64_t i) {
      double sums[1] = {};
      ofQuery(i, sums);
    });
  if (status == 0 && dWeight)
    status = sumColumns(call, weightParts, ofQueries, D, D, dWeight, false, scratch);
  if (status != 0 || !dKey) return status;
  return forEach(call, all.rows * all.values * D, [=] __device__(int64_t i) {
    const int64_t k = i / D, d = i % D, b = k / all.values;
    const float scale = all.scale(), own = all.key[i], weight = all.weightOf(d);
    float gradient = 0;
    for (int64_t q = b * all.queries; q < (b + 1) * all.queries; ++q) {
      const float t = tanhf(scale * (own + all.query[q * D + d]));
      gradient += scale * dScores[q * all.values + k % all.values] * weight * (1.0f - t * t);
    }
    dKey[i] = gradient;
  });
}

size_t scratchBytes(const OpCall& call) noexcept {
  const Shape& query = call.in[additiveScores::kQuery].shape;
  const int64_t rows = query[0] * query[1], D = query[2];
  return static_cast<size_t>(divideUp(rows * D, 2) * 2) * sizeof(float) +
         std::max(sumToScratchBytes(rows * D), columnSumScratchBytes(rows, D));
}

}  // namespace

Kernel additiveScoresKernel() { return {.name = "cuda.additiveScores", .launch = run}; }
Kernel additiveScoresBackwardKernel() {
  return {
      .name = "cuda.additiveScoresBackward", .scratchBytes = scratchBytes, .launch = runBackward};
}

}  // namespace sluice::cuda
