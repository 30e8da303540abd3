// Softmax along an axis, and its gradient.
#include "cuda/device/softmax.h"
#include "cuda/kernels.h"
#include "cuda/lines.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

struct Line {
  int64_t first, step;
  const uint8_t* mask;

  __device__ Line(const Lines& lines, int64_t line, const uint8_t* masks)
      : first(lines.first(line)),
        step(lines.inner),
        mask(masks ? masks + line / lines.inner * lines.extent : nullptr) {}
  __device__ int64_t at(int64_t member) const { return first + member * step; }
  __device__ bool counts(int64_t member) const { return !mask || mask[member] != 0; }
};

int32_t forward(const OpCall& call) noexcept {
  using namespace softmax;
  const Lines lines(call.out[kY].shape, call.attr<SoftmaxAttributes>().axis);
  const auto* masks = input<uint8_t>(call, kMask);
  const float* x = input(call, kX);
  float* y = output(call, kY);
  return forEachGroup(call, lines.groups(),
                      [=] __device__(const Team& team, int64_t group, int64_t members) {
                        const Line line(lines, group, masks);
                        cuda::softmax(
                            team, members, [&](int64_t k) { return line.counts(k); },
                            [&](int64_t k) { return x[line.at(k)]; },
                            [&](int64_t k, float value) { y[line.at(k)] = value; });
                      });
}

int32_t backward(const OpCall& call) noexcept {
  using namespace softmaxBackward;
  const Lines lines(call.out[kDx].shape, call.attr<SoftmaxAttributes>().axis);
  const auto* masks = input<uint8_t>(call, kMask);
  const float *y = input(call, kY), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  return forEachGroup(call, lines.groups(),
                      [=] __device__(const Team& team, int64_t group, int64_t members) {
                        const Line line(lines, group, masks);
                        const float sum = sumOf(team, members, [&](int64_t k) {
                          return line.counts(k) ? y[line.at(k)] * dy[line.at(k)] : 0.0f;
                        });
                        for (int64_t k = team.lane(); k < members; k += team.lanes()) {
                          const int64_t at = line.at(k);
                          dx[at] = line.counts(k) ? y[at] * (dy[at] - sum) : 0.0f;
                        }
                      });
}

}  // namespace

Kernel softmaxKernel() { return {.name = "cuda.softmax", .launch = forward}; }
Kernel softmaxBackwardKernel() { return {.name = "cuda.softmaxBackward", .launch = backward}; }

}  // namespace sluice::cuda
