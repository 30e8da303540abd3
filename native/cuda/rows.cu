// Broadcast, SumRows, Repeat and its backward.
#include "cuda/column_sum.h"
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

int32_t runBroadcast(const OpCall& call) noexcept {
  const Shape& shape = call.out[broadcast::kY].shape;
  const int64_t F = shape[1];
  const float* x = input(call, broadcast::kX);
  float* y = output(call, broadcast::kY);
  return forEachOfRows(call, shape[0], F,
                       [=] __device__(int64_t row, int64_t f) { y[row * F + f] = x[f]; });
}

int32_t runRepeat(const OpCall& call) noexcept {
  const Shape& shape = call.out[repeat::kY].shape;
  const int64_t steps = shape[0] * shape[1], T = shape[1];
  const int64_t F = steps > 0 ? shape.elements() / steps : 0;
  const float* x = input(call, repeat::kX);
  float* y = output(call, repeat::kY);
  return forEachOfRows(call, steps, F, [=] __device__(int64_t step, int64_t f) {
    y[step * F + f] = x[step / T * F + f];
  });
}

ColumnSums ofRows(const OpCall& call) {
  const Shape& shape = call.in[sumRows::kX].shape;
  return {input(call, sumRows::kX), shape[0], shape[1], shape[1], output(call, sumRows::kY)};
}
ColumnSums ofSteps(const OpCall& call) {
  using namespace repeatBackward;
  const Shape &dy = call.in[kDy].shape, &dx = call.out[kDx].shape;
  const int64_t B = dx[0], F = B > 0 ? dx.elements() / B : 0;
  return {.x = input(call, kDy),
          .rows = dy[1],
          .columns = F,
          .ldx = F,
          .out = output(call, kDx),
          .matrices = B};
}

// A kernel of sums that a call describes.
template <ColumnSums (*Of)(const OpCall&)>
Kernel columnSums(const char* name) {
  return {.name = name,
          .scratchBytes =
              [](const OpCall& call) noexcept {
                const ColumnSums sums = Of(call);
                return columnSumScratchBytes(sums.rows, sums.columns, sums.matrices);
              },
          .launch =
              [](const OpCall& call) noexcept { return sumColumns(call, Of(call), call.scratch); }};
}

}  // namespace

Kernel broadcastKernel() { return {.name = "cuda.broadcast", .launch = runBroadcast}; }
Kernel sumRowsKernel() { return columnSums<ofRows>("cuda.sumRows"); }
Kernel repeatKernel() { return {.name = "cuda.repeat", .launch = runRepeat}; }
Kernel repeatBackwardKernel() { return columnSums<ofSteps>("cuda.repeatBackward"); }

}  // namespace sluice::cuda
