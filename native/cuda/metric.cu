// Metrics: sums of w value and w over rows, in double. Lanes share a row.
#include "cuda/arguments.h"
#include "cuda/kernels.h"
#include "cuda/sums.h"
#include "engine/backend/row_weights.h"

namespace sluice::cuda {
namespace {

struct MetricRows {
  MetricAttributes attributes;
  const float *p, *t;
  const int32_t* classes;
  int64_t rows, length;
  RowWeights weights;
};

// The first index of the largest; 0 where the first is NaN, which others are not larger than.
template <int Lanes>
__device__ int firstLargest(const float* x, int length, int lane) {
  constexpr int kNone = 0x7fffffff;
  float largest = 0;
  int first = kNone;
  for (int f = lane; f < length; f += Lanes)
    if (x[f] == x[f] && (first == kNone || x[f] > largest)) {
      largest = x[f];
      first = f;
    }
#pragma unroll
  for (int away = Lanes / 2; away > 0; away /= 2) {
    const float other = shuffleXor(largest, away);
    const int at = shuffleXor(first, away);
    const bool isLarger =
        at != kNone && (first == kNone || other > largest || (other == largest && at < first));
    if (!isLarger) continue;
    largest = other;
    first = at;
  }
  return first == kNone || (length > 0 && x[0] != x[0]) ? 0 : first;
}

template <int Lanes>
struct MetricRow {
  MetricRows all;

  __device__ double elements(int64_t row, int64_t length, int lane) const {
    double sum = 0;
    for (int64_t f = lane; f < length; f += Lanes) {
      const float p = all.p[row * all.length + f], t = all.t[row * all.length + f];
      const auto e = static_cast<double>(p - t);
      if (all.attributes.kind == MetricKind::MeanSquaredError)
        sum += e * e;
      else if (all.attributes.kind == MetricKind::MeanAbsoluteError)
        sum += fabs(e);
      else
        sum += (static_cast<double>(p) > all.attributes.threshold) == (t > 0.5f) ? 1 : 0;
    }
    return sumOfLanes<Lanes>(sum) / static_cast<double>(all.length);
  }
  __device__ double categorical(int64_t row, int64_t length, int lane) const {
    const int n = static_cast<int>(length);
    const int found = firstLargest<Lanes>(all.p + row * all.length, n, lane);
    if (!all.classes) return found == firstLargest<Lanes>(all.t + row * all.length, n, lane);
    return length > 0 && found == all.classes[row];
  }

  __device__ void operator()(int64_t i, double (&sums)[2]) const {
    const int64_t row = i / Lanes;
    const int lane = static_cast<int>(i % Lanes);
    const double weight = row < all.rows ? all.weights.of(row) : 0;
    const int64_t length = weight == 0 ? 0 : all.length;
    const bool isCategorical = all.attributes.kind == MetricKind::CategoricalAccuracy ||
                               all.attributes.kind == MetricKind::SparseCategoricalAccuracy;
    const double value =
        isCategorical ? categorical(row, length, lane) : elements(row, length, lane);
    if (length == 0 || lane != 0) return;
    sums[0] += weight * value;
    sums[1] += weight;
  }
};

int32_t runMetric(const OpCall& call) noexcept {
  using namespace metric;
  const auto& attributes = call.attr<MetricAttributes>();
  const Shape& shape = call.in[kPrediction].shape;
  const bool sparse = attributes.kind == MetricKind::SparseCategoricalAccuracy;
  const MetricRows all{attributes,
                       input(call, kPrediction),
                       sparse ? nullptr : input(call, kTarget),
                       sparse ? input<int32_t>(call, kTarget) : nullptr,
                       shape.rows(),
                       shape.last(),
                       rowWeights(call.in[kWeight], call.in[kMask], shape.rows())};
  return sumRowsOf<MetricRow>(call, all, output<double>(call, kSums));
}

size_t scratchBytes(const OpCall& call) noexcept {
  return rowSumScratchBytes(call.in[metric::kPrediction].shape.rows());
}

}  // namespace

Kernel metricKernel() {
  return {.name = "cuda.metric", .scratchBytes = scratchBytes, .launch = runMetric};
}

}  // namespace sluice::cuda
