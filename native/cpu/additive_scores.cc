// Additive scores: sums of tanh(query + key) over features, along which vectors run.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/additive_scores.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

// Calls body(i, load, store) for each vector of n floats, the last of which may be a part: load(p)
// fills it with zeros.
template <class D, class Body>
HWY_INLINE void EachVector(D d, int64_t n, const Body& body) {
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    body(
        i, [&](const float* p) HWY_ATTR { return hn::LoadU(d, p + i); },
        [&](auto v, float* p) HWY_ATTR { hn::StoreU(v, d, p + i); });
  if (i < n)
    body(
        i, [&](const float* p) HWY_ATTR { return LoadPart(d, p + i, n - i, 0.0f); },
        [&](auto v, float* p) HWY_ATTR { StorePart(v, d, p + i, n - i); });
}

// The scores of one query with `count` keys. weight [n]; null: ones.
void ScoresRow(const float* query, const float* key, const float* weight, float inner, int64_t n,
               int64_t count, float* scores) {
  const Floats d;
  const auto scale = hn::Set(d, inner);
  for (int64_t v = 0; v < count; ++v, key += n) {
    auto sum = hn::Zero(d);
    EachVector(d, n, [&](int64_t, const auto& load, const auto&) HWY_ATTR {
      const auto t = Tanh(d, hn::Mul(scale, hn::Add(load(query), load(key))));
      sum = weight ? hn::MulAdd(t, load(weight), sum) : hn::Add(sum, t);
    });
    scores[v] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

// Adds one query's part of the gradients; dKey is that of `count` keys. dWeight and dInner [n] are
// sums over queries and keys, the latter still to be added up over features.
void ScoresRowBackward(const float* query, const float* key, const float* weight, float inner,
                       int64_t n, int64_t count, const float* dScores, float* dQuery, float* dKey,
                       float* dWeight, float* dInner) {
  const Floats d;
  const auto scale = hn::Set(d, inner), one = hn::Set(d, 1.0f);
  for (int64_t v = 0; v < count; ++v) {
    const auto g = hn::Set(d, dScores[v]);
    EachVector(d, n, [&](int64_t, const auto& load, const auto& store) HWY_ATTR {
      const auto sum = hn::Add(load(query), load(key + v * n));
      const auto t = Tanh(d, hn::Mul(scale, sum));
      const auto weighted = weight ? hn::Mul(g, load(weight)) : g;
      const auto slope = hn::Mul(weighted, hn::NegMulAdd(t, t, one));
      store(hn::MulAdd(scale, slope, load(dQuery)), dQuery);
      store(hn::MulAdd(scale, slope, load(dKey + v * n)), dKey + v * n);
      store(hn::MulAdd(g, t, load(dWeight)), dWeight);
      store(hn::MulAdd(slope, sum, load(dInner)), dInner);
    });
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/tile.h"

namespace sluice::cpu {
HWY_EXPORT(ScoresRow);
HWY_EXPORT(ScoresRowBackward);
namespace {

// The same inputs stand first in both calls.
struct Extents {
  explicit Extents(const OpCall& call)
      : B(call.in[additiveScores::kQuery].shape[0]),
        Q(call.in[additiveScores::kQuery].shape[1]),
        V(call.in[additiveScores::kKey].shape[1]),
        D(call.in[additiveScores::kQuery].shape[2]),
        inner(input(call, additiveScores::kInner)) {}

  float innerScale() const { return inner ? *inner : 1.0f; }
  int64_t queryGrain() const {
    return std::max<int64_t>(1, kCostlyGrain / std::max<int64_t>(1, V * D));
  }
  int64_t rowGrain() const { return std::max<int64_t>(1, queryGrain() / std::max<int64_t>(1, Q)); }

  int64_t B, Q, V, D;
  const float* inner;
};

int32_t forward(const OpCall& call) noexcept {
  using namespace additiveScores;
  const Extents e(call);
  const FloatingPointMode mode;
  parallelFor(call.context->threads, e.B * e.Q, e.queryGrain(), [&](int64_t begin, int64_t end) {
    for (int64_t q = begin; q < end; ++q) HWY_DYNAMIC_DISPATCH(ScoresRow)
    (input(call, kQuery) + q * e.D, input(call, kKey) + q / e.Q * e.V * e.D, input(call, kWeight),
     e.innerScale(), e.D, e.V, output(call, kScores) + q * e.V);
  });
  return 0;
}

// For each row of the batch: parts of the gradients of weight and inner scale, in double, and one
// query's of them; and, where they are not asked for, a place for those of its queries and keys.
int64_t floatsOfRow(const OpCall& call, const Extents& e) {
  using namespace additiveScoresBackward;
  int64_t floats = 6 * e.D;
  if (!call.out[kDQuery].present()) floats += e.Q * e.D;
  if (!call.out[kDKey].present()) floats += e.V * e.D;
  return roundUp(floats, kMaxLanes);
}
size_t backwardScratch(const OpCall& call) noexcept {
  const Extents e(call);
  return static_cast<size_t>(e.B * floatsOfRow(call, e)) * sizeof(float);
}

int32_t backward(const OpCall& call) noexcept {
  using namespace additiveScoresBackward;
  const Extents e(call);
  const int64_t perRow = floatsOfRow(call, e);
  float* scratch = static_cast<float*>(call.scratch);
  float *dQuery = output(call, kDQuery), *dKey = output(call, kDKey);
  const FloatingPointMode mode;
  parallelFor(call.context->threads, e.B, e.rowGrain(), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      float* own = scratch + b * perRow;
      std::fill_n(own, perRow, 0.0f);
      double* sums = reinterpret_cast<double*>(own);
      float* ofQuery = own + 4 * e.D;
      float* ofKeys = dKey ? dKey + b * e.V * e.D : own + 6 * e.D;
      float* ofQueries = dQuery ? dQuery + b * e.Q * e.D : own + perRow - e.Q * e.D;
      if (dKey) std::fill_n(ofKeys, e.V * e.D, 0.0f);
      if (dQuery) std::fill_n(ofQueries, e.Q * e.D, 0.0f);
      for (int64_t q = 0; q < e.Q; ++q) {
        std::fill_n(ofQuery, 2 * e.D, 0.0f);
        HWY_DYNAMIC_DISPATCH(ScoresRowBackward)
        (input(call, kQuery) + (b * e.Q + q) * e.D, input(call, kKey) + b * e.V * e.D,
         input(call, kWeight), e.innerScale(), e.D, e.V,
         input(call, kDScores) + (b * e.Q + q) * e.V, ofQueries + q * e.D, ofKeys, ofQuery,
         ofQuery + e.D);
        for (int64_t d = 0; d < 2 * e.D; ++d) sums[d] += static_cast<double>(ofQuery[d]);
      }
    }
  });
  // Sums over the rows of the batch, in their order.
  const auto total = [&](int64_t d) {
    double sum = 0;
    for (int64_t b = 0; b < e.B; ++b)
      sum += reinterpret_cast<const double*>(scratch + b * perRow)[d];
    return sum;
  };
  if (float* dWeight = output(call, kDWeight))
    for (int64_t d = 0; d < e.D; ++d) dWeight[d] = static_cast<float>(total(d));
  if (float* dInner = output(call, kDInner)) {
    double sum = 0;
    for (int64_t d = 0; d < e.D; ++d) sum += total(e.D + d);
    *dInner = static_cast<float>(sum);
  }
  return 0;
}

KernelChoice describe(const OpCall& call) noexcept {
  const Extents e(call);
  return describeShared(call, "queries", e.B * e.Q, e.queryGrain());
}
KernelChoice describeBackward(const OpCall& call) noexcept {
  const Extents e(call);
  return describeShared(call, "rows", e.B, e.rowGrain());
}

}  // namespace

const Kernel kAdditiveScores = {
    .name = "cpu.additiveScores", .launch = forward, .describe = describe};
const Kernel kAdditiveScoresBackward = {.name = "cpu.additiveScoresBackward",
                                        .scratchBytes = backwardScratch,
                                        .launch = backward,
                                        .describe = describeBackward};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
