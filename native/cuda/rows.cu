// Broadcast, SumRows, Repeat and its backward.
#include "cuda/arguments.h"
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "cuda/loops.h"

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

// Rows of features of the steps of each row of the batch.
struct Extents {
  int64_t B, T, F;

  explicit Extents(const Shape& shape)
      : B(shape[0]), T(shape[1]), F(B * T > 0 ? shape.elements() / (B * T) : 0) {}
};

int32_t runRepeat(const OpCall& call) noexcept {
  const Extents n(call.out[repeat::kY].shape);
  const float* x = input(call, repeat::kX);
  float* y = output(call, repeat::kY);
  return forEachOfRows(call, n.B * n.T, n.F, [=] __device__(int64_t step, int64_t f) {
    y[step * n.F + f] = x[step / n.T * n.F + f];
  });
}

// y[row,f] = the sum of x[row,t,f] over t, in double.
struct StepSums {
  const float* x;
  float* y;
  int64_t rows, steps, features;

  Groups groups() const { return {rows * features, steps, features > 1}; }
  size_t scratchBytes() const { return reduceScratchBytes<Sum<double>>(groups()); }
};

int32_t sumSteps(const OpCall& call, const StepSums& sums) noexcept {
  return reduceGroups<Sum<double>>(
      call, sums.groups(), call.scratch,
      [=] __device__(int64_t group) {
        const int64_t row = group / sums.features;
        return row * sums.steps * sums.features + group - row * sums.features;
      },
      [=] __device__(Sum<double> & own, int64_t start, int64_t step) {
        own.value += static_cast<double>(sums.x[start + step * sums.features]);
      },
      [=] __device__(int64_t group, const Sum<double>& own) {
        sums.y[group] = static_cast<float>(own.value);
      });
}

StepSums ofRows(const OpCall& call) {
  const Shape& shape = call.in[sumRows::kX].shape;
  return {input(call, sumRows::kX), output(call, sumRows::kY), 1, shape[0], shape[1]};
}
StepSums ofSteps(const OpCall& call) {
  using namespace repeatBackward;
  const Shape &dy = call.in[kDy].shape, &dx = call.out[kDx].shape;
  const int64_t B = dx[0];
  return {input(call, kDy), output(call, kDx), B, dy[1], B > 0 ? dx.elements() / B : 0};
}

}  // namespace

Kernel broadcastKernel() { return {.name = "cuda.broadcast", .launch = runBroadcast}; }
Kernel sumRowsKernel() {
  return {.name = "cuda.sumRows",
          .scratchBytes = [](const OpCall& call) noexcept { return ofRows(call).scratchBytes(); },
          .launch = [](const OpCall& call) noexcept { return sumSteps(call, ofRows(call)); }};
}
Kernel repeatKernel() { return {.name = "cuda.repeat", .launch = runRepeat}; }
Kernel repeatBackwardKernel() {
  return {.name = "cuda.repeatBackward",
          .scratchBytes = [](const OpCall& call) noexcept { return ofSteps(call).scratchBytes(); },
          .launch = [](const OpCall& call) noexcept { return sumSteps(call, ofSteps(call)); }};
}

}  // namespace sluice::cuda
