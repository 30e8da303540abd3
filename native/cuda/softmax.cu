// Softmax along an axis, and its gradient.
#include <cmath>

#include "cuda/arguments.h"
#include "cuda/groups.h"
#include "cuda/kernels.h"

namespace sluice::cuda {
namespace {

// The numbers that one sum goes over: `inner` apart.
struct Lines {
  int64_t outer = 1, n, inner = 1;
  const uint8_t* mask;

  Lines(const Shape& shape, int axis, const uint8_t* mask) : n(shape[axis]), mask(mask) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank; ++i) inner *= shape[i];
  }
  Groups groups() const { return {outer * inner, n, inner > 1}; }
};
// One of them.
struct Line {
  int64_t first, stride;
  const uint8_t* mask;

  __device__ Line(const Lines& lines, int64_t group)
      : first(group / lines.inner * lines.n * lines.inner + group % lines.inner),
        stride(lines.inner),
        mask(lines.mask ? lines.mask + group / lines.inner * lines.n : nullptr) {}
  __device__ int64_t at(int64_t member) const { return first + member * stride; }
  __device__ bool counts(int64_t member) const { return !mask || mask[member] != 0; }
};

struct Largest {
  float value = -INFINITY;
  __device__ void merge(const Largest& other) { value = value < other.value ? other.value : value; }
};

int32_t forward(const OpCall& call) noexcept {
  using namespace softmax;
  const Lines lines(call.out[kY].shape, call.attr<SoftmaxAttributes>().axis,
                    input<uint8_t>(call, kMask));
  const float* x = input(call, kX);
  float* y = output(call, kY);
  return forEachGroup(
      call, lines.groups(), [=] __device__(const Team& team, int64_t group, int64_t members) {
        const Line line(lines, group);
        Largest largest;
        for (int64_t k = team.lane(); k < members; k += team.lanes())
          if (line.counts(k)) largest.merge({x[line.at(k)]});
        const float most = team.merged(largest).value;
        Sum<float> sum;
        for (int64_t k = team.lane(); k < members; k += team.lanes())
          if (line.counts(k)) sum.value += expf(x[line.at(k)] - most);
        const float whole = team.merged(sum).value;
        for (int64_t k = team.lane(); k < members; k += team.lanes())
          y[line.at(k)] = line.counts(k) ? expf(x[line.at(k)] - most) / whole : 0.0f;
      });
}

int32_t backward(const OpCall& call) noexcept {
  using namespace softmaxBackward;
  const Lines lines(call.out[kDx].shape, call.attr<SoftmaxAttributes>().axis,
                    input<uint8_t>(call, kMask));
  const float *y = input(call, kY), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  return forEachGroup(call, lines.groups(),
                      [=] __device__(const Team& team, int64_t group, int64_t members) {
                        const Line line(lines, group);
                        Sum<float> own;
                        for (int64_t k = team.lane(); k < members; k += team.lanes())
                          if (line.counts(k)) own.value += y[line.at(k)] * dy[line.at(k)];
                        const float sum = team.merged(own).value;
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
