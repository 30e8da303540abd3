// Losses: arithmetic in float, sums in double.
#include <cmath>
#include <limits>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/loss_rows.h"

namespace sluice::cpu {
namespace {

// Cross-entropy over the last axis: log(sum(exp(p))) sum(t) - sum(t p), with the maximum taken out.
// `dp` (may be null) receives the gradient times `scale`.
double categoricalRow(const float* p, const float* t, int64_t F, double scale, float* dp) {
  const Softmax row = softmaxOf(p, t, F, dp);
  if (dp) {
    softmaxGradient(dp, t, static_cast<float>(scale * row.total / row.sum),
                    static_cast<float>(scale), F);
  }
  return std::log(row.sum) * row.total + row.difference;
}

double sparseRow(const float* p, int32_t truth, int64_t F, double scale, float* dp) {
  if (truth < 0 || truth >= F) {  // no such class
    if (dp) std::fill_n(dp, F, std::numeric_limits<float>::quiet_NaN());
    return std::numeric_limits<double>::quiet_NaN();
  }
  const Softmax row = softmaxOf(p, nullptr, F, dp);
  if (dp) {
    scaleBy(static_cast<float>(scale / row.sum), dp, F);
    dp[truth] -= static_cast<float>(scale);
  }
  return std::log(row.sum) + (static_cast<double>(row.max) - static_cast<double>(p[truth]));
}

int32_t run(const OpCall& call) noexcept {
  using namespace loss;
  const auto& attr = call.attr<LossAttributes>();
  const Shape& shape = call.in[kPrediction].shape;
  const int64_t rows = shape.rows(), F = shape.last();
  const float* p = input(call, kPrediction);
  const float* t = attr.kind == LossKind::Value ? p : input(call, kTarget);
  const double* scale = input<double>(call, kScale);
  float* dp = output(call, kDPrediction);
  const RowWeights weights = rowWeights(call.in[kWeight], call.in[kMask], rows);
  const auto categorical = [&](int64_t begin, int64_t end) {
    const bool sparse = attr.kind == LossKind::SparseCategoricalCrossentropy;
    RowSums sums;
    for (int64_t row = begin; row < end; ++row) {
      const double w = weights.of(row), by = scale ? *scale * w : w;
      float* gradient = dp ? dp + row * F : nullptr;
      if (w == 0) {
        if (gradient) std::fill_n(gradient, F, 0.0f);
        continue;
      }
      const double value =
          sparse ? sparseRow(p + row * F, input<int32_t>(call, kTarget)[row], F, by, gradient)
                 : categoricalRow(p + row * F, t + row * F, F, by, gradient);
      sums.value += w * value;
      sums.weight += w;
    }
    return sums;
  };
  const bool means = attr.kind != LossKind::CategoricalCrossentropy &&
                     attr.kind != LossKind::SparseCategoricalCrossentropy;
  const RowSums sums =
      sumOverBlocks(call.context->threads, shape, call.scratch, [&](int64_t begin, int64_t end) {
        return means ? elementRows(attr, weights, p, t, F, begin, end, scale ? *scale : 1, dp)
                     : categorical(begin, end);
      });
  output<double>(call, kSums)[0] = sums.value;
  output<double>(call, kSums)[1] = sums.weight;
  return 0;
}

size_t scratchBytes(const OpCall& call) noexcept {
  return blockSumBytes(call.in[loss::kPrediction].shape);
}

KernelChoice describe(const OpCall& call) noexcept {
  const Shape& shape = call.in[loss::kPrediction].shape;
  return describeShared(call, "rows", shape.rows(), rowsPerBlock(shape));
}

}  // namespace

const Kernel kLoss = {
    .name = "cpu.loss", .scratchBytes = scratchBytes, .launch = run, .describe = describe};

}  // namespace sluice::cpu
