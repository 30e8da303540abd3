// Moments, BatchNorm with its gradient, MovingAverage.
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"
#include "engine/backend/row_weights.h"

namespace sluice::cuda {
namespace {

Groups columnsOf(const Shape& shape) { return {shape.last(), shape.rows(), shape.last() > 1}; }

// Of numbers less a shift.
struct Moment {
  double sum = 0, square = 0;
  int64_t count = 0;

  __device__ void merge(const Moment& other) {
    sum += other.sum;
    square += other.square;
    count += other.count;
  }
};

size_t scratchOfMoments(const OpCall& call) noexcept {
  return reduceScratchBytes<Moment>(columnsOf(call.in[moments::kX].shape));
}

int32_t runMoments(const OpCall& call) noexcept {
  using namespace moments;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last(), rows = shape.rows();
  const CountedRows counts = countedRows(call.in[kMask], shape);
  const float* x = input(call, kX);
  float *mean = output(call, kMean), *variance = output(call, kVariance);
  // In double one pass is enough; less the first row a variance that is small beside the mean, or
  // none, stays so.
  const auto shift = [=] __device__(int64_t f) {
    const bool useful = rows > 0 && counts(0) && isfinite(x[f]);
    return useful ? static_cast<double>(x[f]) : 0.0;
  };
  return reduceGroups<Moment>(
      call, columnsOf(shape), call.scratch,
      [=] __device__(Moment & own, int64_t f, int64_t row) {
        if (!counts(row)) return;
        const double v = static_cast<double>(x[row * F + f]) - shift(f);
        own.merge({v, v * v, 1});
      },
      [=] __device__(int64_t f, const Moment& all) {
        const double n = all.count > 0 ? static_cast<double>(all.count) : 1.0;
        const double m = all.sum / n, v = all.square / n - m * m;
        mean[f] = static_cast<float>(m + (all.count > 0 ? shift(f) : 0.0));
        variance[f] = static_cast<float>(v < 0 ? 0.0 : v);
      });
}

__device__ float inverseDeviation(float variance, float epsilon) {
  return 1.0f / sqrtf(variance + epsilon);
}

int32_t runBatchNorm(const OpCall& call) noexcept {
  using namespace batchNorm;
  const Shape& shape = call.out[kY].shape;
  const int64_t F = shape.last();
  const auto epsilon = static_cast<float>(call.attr<NormAttributes>().epsilon);
  const float *x = input(call, kX), *mean = input(call, kMean), *variance = input(call, kVariance),
              *gamma = input(call, kGamma), *beta = input(call, kBeta);
  float* y = output(call, kY);
  return forEachOfRows(call, shape.rows(), F, [=] __device__(int64_t row, int64_t f) {
    const float u = (x[row * F + f] - mean[f]) * inverseDeviation(variance[f], epsilon);
    y[row * F + f] = u * (gamma ? gamma[f] : 1.0f) + (beta ? beta[f] : 0.0f);
  });
}

// Over all rows sums of dy (that is dBeta) and dy u (dGamma), u being (x - mean) / deviation; how
// many rows count.
struct Gradient {
  double dBeta = 0, dGamma = 0;
  int64_t count = 0;

  __device__ void merge(const Gradient& other) {
    dBeta += other.dBeta;
    dGamma += other.dGamma;
    count += other.count;
  }
};

// dx needs what the rows have in common where mean and variance are theirs.
bool needsSums(const OpCall& call) {
  using namespace batchNormBackward;
  return call.out[kDGamma].present() || call.out[kDBeta].present() ||
         call.attr<NormAttributes>().ofBatch != 0;
}
size_t scratchOfBackward(const OpCall& call) noexcept {
  const Shape& shape = call.in[batchNormBackward::kX].shape;
  if (!needsSums(call)) return 0;
  return static_cast<size_t>(shape.last()) * 2 * sizeof(float) +
         reduceScratchBytes<Gradient>(columnsOf(shape));
}

// dx = gamma / deviation (dy - [the row counts] (dBeta + u dGamma) / n), n being the rows that
// count; without the bracket where mean and variance are constants.
int32_t runBackward(const OpCall& call) noexcept {
  using namespace batchNormBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const bool ofBatch = call.attr<NormAttributes>().ofBatch != 0;
  const auto epsilon = static_cast<float>(call.attr<NormAttributes>().epsilon);
  const CountedRows counts = countedRows(call.in[kMask], shape);
  const float *x = input(call, kX), *mean = input(call, kMean), *variance = input(call, kVariance),
              *gamma = input(call, kGamma), *dy = input(call, kDy);
  float *dx = output(call, kDx), *dGamma = output(call, kDGamma), *dBeta = output(call, kDBeta);
  auto* means = static_cast<float*>(call.scratch);  // [F,2]: dBeta / n, dGamma / n
  int32_t status = 0;
  if (needsSums(call))
    status = reduceGroups<Gradient>(
        call, columnsOf(shape), means + 2 * F,
        [=] __device__(Gradient & own, int64_t f, int64_t row) {
          const float d = dy[row * F + f];
          const float u = (x[row * F + f] - mean[f]) * inverseDeviation(variance[f], epsilon);
          own.merge({static_cast<double>(d), static_cast<double>(d * u), counts(row) ? 1 : 0});
        },
        [=] __device__(int64_t f, const Gradient& all) {
          const double n = all.count > 0 ? static_cast<double>(all.count) : 1.0;
          if (dBeta) dBeta[f] = static_cast<float>(all.dBeta);
          if (dGamma) dGamma[f] = static_cast<float>(all.dGamma);
          means[2 * f] = static_cast<float>(all.dBeta / n);
          means[2 * f + 1] = static_cast<float>(all.dGamma / n);
        });
  if (!dx || status != 0) return status;
  return forEachOfRows(call, shape.rows(), F, [=] __device__(int64_t row, int64_t f) {
    const float inverse = inverseDeviation(variance[f], epsilon);
    float own = dy[row * F + f];
    if (ofBatch && counts(row))
      own -= means[2 * f] + (x[row * F + f] - mean[f]) * inverse * means[2 * f + 1];
    dx[row * F + f] = (gamma ? gamma[f] : 1.0f) * inverse * own;
  });
}

int32_t runMovingAverage(const OpCall& call) noexcept {
  using namespace movingAverage;
  const auto momentum = static_cast<float>(call.attr<MovingAverageAttributes>().momentum);
  const float *old = input(call, kOld), *fresh = input(call, kNew);
  float* y = output(call, kY);
  return forEach(call, call.out[kY].shape.elements(), [=] __device__(int64_t i) {
    y[i] = momentum * old[i] + (1.0f - momentum) * fresh[i];
  });
}

}  // namespace

Kernel momentsKernel() {
  return {.name = "cuda.moments", .scratchBytes = scratchOfMoments, .launch = runMoments};
}
Kernel batchNormKernel() { return {.name = "cuda.batchNorm", .launch = runBatchNorm}; }
Kernel batchNormBackwardKernel() {
  return {
      .name = "cuda.batchNormBackward", .scratchBytes = scratchOfBackward, .launch = runBackward};
}
Kernel movingAverageKernel() { return {.name = "cuda.movingAverage", .launch = runMovingAverage}; }

}  // namespace sluice::cuda
