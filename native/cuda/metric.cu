// Metrics, in double.
#include "cuda/kernels.h"
#include "cuda/weighted_rows.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

struct MetricRows {
  MetricAttributes attributes;
  const float *p, *t;
  const int32_t* classes;
  int64_t length;
};

__device__ double meanRow(const MetricRows& all, const Team& team, int64_t row, int64_t members) {
  const double sum = sumOf(team, members, [&](int64_t f) {
    const float p = all.p[row * all.length + f], t = all.t[row * all.length + f];
    const auto e = static_cast<double>(p - t);
    if (all.attributes.kind == MetricKind::MeanSquaredError) return e * e;
    if (all.attributes.kind == MetricKind::MeanAbsoluteError) return fabs(e);
    return (static_cast<double>(p) > all.attributes.threshold) == (t > 0.5f) ? 1.0 : 0.0;
  });
  return sum / static_cast<double>(all.length);
}

// The largest, the first of several.
struct FirstLargest {
  float value = -INFINITY;
  int32_t index = INT32_MAX;  // none
  __device__ void merge(const FirstLargest& other) {
    if (other.value > value || (other.value == value && other.index < index)) *this = other;
  }
};
// Its index; 0 where the first is NaN, which others are not larger than.
__device__ int32_t indexOfLargest(const Team& team, const float* x, int64_t members) {
  FirstLargest own;
  for (int64_t f = team.lane(); f < members; f += team.lanes())
    if (x[f] == x[f]) own.merge({x[f], static_cast<int32_t>(f)});
  own = team.merged(own);
  return own.index == INT32_MAX || (members > 0 && x[0] != x[0]) ? 0 : own.index;
}

__device__ double rightClass(const MetricRows& all, const Team& team, int64_t row,
                             int64_t members) {
  const int32_t found = indexOfLargest(team, all.p + row * all.length, members);
  if (!all.classes) return found == indexOfLargest(team, all.t + row * all.length, members) ? 1 : 0;
  return members > 0 && found == all.classes[row] ? 1 : 0;
}

int32_t runMetric(const OpCall& call) noexcept {
  using namespace metric;
  const auto& attributes = call.attr<MetricAttributes>();
  const Shape& shape = call.in[kPrediction].shape;
  const bool sparse = attributes.kind == MetricKind::SparseCategoricalAccuracy;
  const MetricRows all{attributes, input(call, kPrediction),
                       sparse ? nullptr : input(call, kTarget),
                       sparse ? input<int32_t>(call, kTarget) : nullptr, shape.last()};
  const bool isCategorical = sparse || attributes.kind == MetricKind::CategoricalAccuracy;
  return sumWeightedRows(
      call, shape, rowWeights(call.in[kWeight], call.in[kMask], shape.rows()),
      output<double>(call, kSums),
      [=] __device__(const Team& team, int64_t row, int64_t members, double weight) {
        const int64_t counted = weight == 0 ? 0 : members;
        return isCategorical ? rightClass(all, team, row, counted)
                             : meanRow(all, team, row, counted);
      });
}

size_t scratchBytes(const OpCall& call) noexcept {
  return weightedRowsScratchBytes(call.in[metric::kPrediction].shape.rows());
}

}  // namespace

Kernel metricKernel() {
  return {.name = "cuda.metric", .scratchBytes = scratchBytes, .launch = runMetric};
}

}  // namespace sluice::cuda
