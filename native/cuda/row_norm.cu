// Normalisations of each row of features: LayerNorm and UnitLength, with their gradients.
#include "cuda/device/row_norm.h"
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

Groups rowsOf(const Shape& shape) { return {shape.rows(), shape.last(), false}; }

int32_t runLayerNorm(const OpCall& call) noexcept {
  using namespace layerNorm;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const auto epsilon = static_cast<float>(call.attr<NormAttributes>().epsilon);
  const float *x = input(call, kX), *gamma = input(call, kGamma), *beta = input(call, kBeta);
  float *y = output(call, kY), *stats = output(call, kStats);
  return forEachGroup(
      call, rowsOf(shape), [=] __device__(const Team& team, int64_t row, int64_t members) {
        const float* own = x + row * F;
        const RowNorm norm = normOf(team, members, epsilon, [&](int64_t f) { return own[f]; });
        for (int64_t f = team.lane(); f < members; f += team.lanes())
          y[row * F + f] = norm(own[f]) * (gamma ? gamma[f] : 1.0f) + (beta ? beta[f] : 0.0f);
        if (members == 0 || team.lane() != 0) return;
        stats[2 * row] = norm.mean;
        stats[2 * row + 1] = norm.factor;
      });
}

// Sums over the rows of dy and of dy u, u being x normalised: gradients of beta and gamma.
Groups columnsOf(const Shape& shape) { return {shape.last(), shape.rows(), shape.last() > 1}; }

size_t scratchOfLayerNormBackward(const OpCall& call) noexcept {
  using namespace layerNormBackward;
  if (!call.out[kDGamma].present() && !call.out[kDBeta].present()) return 0;
  return reduceScratchBytes<TwoSums<double>>(columnsOf(call.in[kX].shape));
}

int32_t layerNormParameters(const OpCall& call) noexcept {
  using namespace layerNormBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const float *x = input(call, kX), *stats = input(call, kStats), *dy = input(call, kDy);
  float *dGamma = output(call, kDGamma), *dBeta = output(call, kDBeta);
  return reduceGroups<TwoSums<double>>(
      call, columnsOf(shape), call.scratch,
      [=] __device__(TwoSums<double> & sums, int64_t f, int64_t row) {
        const float own = dy[row * F + f];
        const float u = (x[row * F + f] - stats[2 * row]) * stats[2 * row + 1];
        sums.first += static_cast<double>(own * u);
        sums.second += static_cast<double>(own);
      },
      [=] __device__(int64_t f, const TwoSums<double>& sums) {
        if (dGamma) dGamma[f] = static_cast<float>(sums.first);
        if (dBeta) dBeta[f] = static_cast<float>(sums.second);
      });
}

// With u = (x - mean) inverse and g = gamma dy: dx = inverse (g - mean(g) - u mean(g u)).
int32_t runLayerNormBackward(const OpCall& call) noexcept {
  using namespace layerNormBackward;
  const Shape& shape = call.in[kX].shape;
  const int64_t F = shape.last();
  const float *x = input(call, kX), *gamma = input(call, kGamma), *stats = input(call, kStats),
              *dy = input(call, kDy);
  float* dx = output(call, kDx);
  int32_t status = 0;
  if (call.out[kDGamma].present() || call.out[kDBeta].present()) status = layerNormParameters(call);
  if (!dx || status != 0) return status;
  return forEachGroup(call, rowsOf(shape),
                      [=] __device__(const Team& team, int64_t row, int64_t members) {
                        const float n = static_cast<float>(F);
                        const float mean = members > 0 ? stats[2 * row] : 0.0f,
                                    inverse = members > 0 ? stats[2 * row + 1] : 0.0f;
                        const RowNorm norm{mean, inverse};
                        const auto u = [&](int64_t f) { return norm(x[row * F + f]); };
                        const auto g = [&](int64_t f) {
                          const float own = dy[row * F + f];
                          return gamma ? gamma[f] * own : own;
                        };
                        NormGradient back;
                        for (int64_t f = team.lane(); f < members; f += team.lanes())
                          back.add(g(f), u(f));
                        back.merge(team);
                        for (int64_t f = team.lane(); f < members; f += team.lanes())
                          dx[row * F + f] = back(g(f), u(f), inverse, n);
                      });
}

float mostScale(const OpCall& call) {
  return static_cast<float>(1 / call.attr<UnitLengthAttributes>().epsilon);
}
// 1 / |x|, or `most` where that is less.
__device__ float scaleOf(const Team& team, const float* x, int64_t members, float most) {
  const float square = sumOf(team, members, [&](int64_t f) { return x[f] * x[f]; });
  const float scale = 1.0f / sqrtf(square);
  return most < scale ? most : scale;
}

int32_t runUnitLength(const OpCall& call) noexcept {
  const Shape& shape = call.out[unitLength::kY].shape;
  const int64_t F = shape.last();
  const float most = mostScale(call), *x = input(call, unitLength::kX);
  float* y = output(call, unitLength::kY);
  return forEachGroup(call, rowsOf(shape),
                      [=] __device__(const Team& team, int64_t row, int64_t members) {
                        const float* own = x + row * F;
                        const float scale = scaleOf(team, own, members, most);
                        for (int64_t f = team.lane(); f < members; f += team.lanes())
                          y[row * F + f] = own[f] * scale;
                      });
}

// dx = s (dy - s^2 x (x . dy)) with s = 1 / |x|; where the scale is 1 / epsilon, it is constant.
int32_t runUnitLengthBackward(const OpCall& call) noexcept {
  using namespace unitLengthBackward;
  const Shape& shape = call.out[kDx].shape;
  const int64_t F = shape.last();
  const float most = mostScale(call), *x = input(call, kX), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  return forEachGroup(
      call, rowsOf(shape), [=] __device__(const Team& team, int64_t row, int64_t members) {
        const float *own = x + row * F, *gradient = dy + row * F;
        const float scale = scaleOf(team, own, members, most);
        float product = sumOf(team, members, [&](int64_t f) { return own[f] * gradient[f]; });
        if (!(scale < most)) product = 0;
        for (int64_t f = team.lane(); f < members; f += team.lanes())
          dx[row * F + f] = scale * (gradient[f] - scale * scale * own[f] * product);
      });
}

}  // namespace

Kernel layerNormKernel() { return {.name = "cuda.layerNorm", .launch = runLayerNorm}; }
Kernel layerNormBackwardKernel() {
  return {.name = "cuda.layerNormBackward",
          .scratchBytes = scratchOfLayerNormBackward,
          .launch = runLayerNormBackward};
}
Kernel unitLengthKernel() { return {.name = "cuda.unitLength", .launch = runUnitLength}; }
Kernel unitLengthBackwardKernel() {
  return {.name = "cuda.unitLengthBackward", .launch = runUnitLengthBackward};
}

}  // namespace sluice::cuda
