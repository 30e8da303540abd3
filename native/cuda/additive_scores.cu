// Scores that are sums over features of weighted tanh(query + key), and their gradients.
#include <algorithm>

#include "cuda/column_sum.h"
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "engine/backend/arguments.h"

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

int32_t run(const OpCall& call) noexcept {
  const Scores all(call);
  float* scores = output(call, additiveScores::kScores);
  const int64_t n = all.rows * all.queries * all.values;
  return forEachGroup(call, Groups(n, all.features, false),
                      [=] __device__(const Team& team, int64_t score, int64_t members) {
                        const int64_t q = score / all.values;
                        const int64_t k = q / all.queries * all.values + score % all.values;
                        const float scale = all.scale();
                        const float sum = sumOf(team, members, [&](int64_t d) {
                          return all.weightOf(d) * tanhf(scale * (all.query[q * all.features + d] +
                                                                  all.key[k * all.features + d]));
                        });
                        if (score < n && team.lane() == 0) scores[score] = sum;
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
  const int64_t ofQueries = all.rows * all.queries, D = all.features, n = ofQueries * D;
  auto* weightParts = static_cast<float*>(call.scratch);
  auto* innerParts = weightParts + n;
  void* scratch = innerParts + n;
  const auto ofQuery = [=] __device__(int64_t i) {
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
    if (dInner) innerParts[i] = inner;
  };
  int32_t status = 0;
  if (dQuery || dWeight || dInner) status = forEach(call, n, ofQuery);
  if (status == 0 && dWeight)
    status = sumColumns(call, {weightParts, ofQueries, D, D, dWeight}, scratch);
  if (status == 0 && dInner) status = sumColumns(call, {innerParts, n, 1, 1, dInner}, scratch);
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
  return static_cast<size_t>(2 * rows * D) * sizeof(float) +
         std::max(columnSumScratchBytes(rows, D), columnSumScratchBytes(rows * D, 1));
}

}  // namespace

Kernel additiveScoresKernel() { return {.name = "cuda.additiveScores", .launch = run}; }
Kernel additiveScoresBackwardKernel() {
  return {
      .name = "cuda.additiveScoresBackward", .scratchBytes = scratchBytes, .launch = runBackward};
}

}  // namespace sluice::cuda
