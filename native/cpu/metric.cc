#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/loss_rows.h"

namespace sluice::cpu {
namespace {

double binaryAccuracy(const float* p, const float* t, int64_t F, double threshold) {
  int64_t right = 0;
  for (int64_t f = 0; f < F; ++f) {
    right += (static_cast<double>(p[f]) > threshold) == (t[f] > 0.5f);
  }
  return static_cast<double>(right) / static_cast<double>(F);
}

int32_t run(const OpCall& call) noexcept {
  using namespace metric;
  const auto& attr = call.attr<MetricAttributes>();
  const Shape& shape = call.in[kPrediction].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const float *p = input(call, kPrediction), *t = input(call, kTarget);
  const RowWeights weights = rowWeights(call.in[kWeight], call.in[kMask], rows);
  const auto accuracy = [&](int64_t row) -> double {
    const float *logits = p + row * F, *truth = t + row * F;
    if (attr.kind == MetricKind::BinaryAccuracy) {
      return binaryAccuracy(logits, truth, F, attr.threshold);
    }
    if (attr.kind == MetricKind::CategoricalAccuracy)
      return argmaxOf(logits, F) == argmaxOf(truth, F);
    return argmaxOf(logits, F) == input<int32_t>(call, kTarget)[row];
  };
  const bool squared = attr.kind == MetricKind::MeanSquaredError;
  const bool means = squared || attr.kind == MetricKind::MeanAbsoluteError;
  const LossAttributes loss{squared ? LossKind::MeanSquaredError : LossKind::MeanAbsoluteError};
  const auto block = [&](int64_t begin, int64_t end) {
    if (means) return elementRows(loss, weights, p, t, F, begin, end, 1, nullptr);
    RowSums sums;
    for (int64_t row = begin; row < end; ++row) {
      const double w = weights.of(row);
      if (w == 0) continue;
      sums.value += w * accuracy(row);
      sums.weight += w;
    }
    return sums;
  };
  const RowSums sums = sumOverBlocks(call.context->threads, shape, call.scratch, block);
  output<double>(call, kSums)[0] = sums.value;
  output<double>(call, kSums)[1] = sums.weight;
  return 0;
}

size_t scratchBytes(const OpCall& call) noexcept {
  return blockSumBytes(call.in[metric::kPrediction].shape);
}

KernelChoice describe(const OpCall& call) noexcept {
  const Shape& shape = call.in[metric::kPrediction].shape;
  return describeShared(call, "rows", shape.rows(), rowsPerBlock(shape));
}

}  // namespace

const Kernel kMetric = {
    .name = "cpu.metric", .scratchBytes = scratchBytes, .launch = run, .describe = describe};

}  // namespace sluice::cpu
