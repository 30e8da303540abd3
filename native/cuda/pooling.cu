// Pooling. Backward goes over the windows first, for what each element needs to know of them, then
// over the elements, each of which sums up what its windows give it.

#include "cuda/device/windows.h"
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "cuda/windows.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

Windows windowsOf(const OpCall& call) {
  return {call.attr<PoolingAttributes>().window, call.in[pooling::kX].shape};
}
const char* whyNot(const OpCall& call) noexcept { return windowsWhyNot(windowsOf(call)); }

bool isMax(const OpCall& call) { return call.attr<PoolingAttributes>().mode == PoolingMode::Max; }

// What windows are made of. The same inputs stand first in both calls.
struct Elements {
  WindowGrid n;
  const uint8_t* mask;

  explicit Elements(const OpCall& call)
      : n(windowsOf(call)), mask(input<uint8_t>(call, pooling::kMask)) {}
  __device__ bool counts(int position) const { return !mask || mask[n.step(position)] != 0; }
};

// done(window, channel, value) with a Value that saw take(value, window, position, tap, channel)
// for each element of the window that counts, in an order that the window's size alone fixes.
template <typename Value, typename Take, typename Done>
int32_t reduceWindows(const OpCall& call, int64_t channels, Take take, Done done) noexcept {
  constexpr int64_t kManyTaps = 64;  // to be shared out among threads
  const Windows windows = windowsOf(call);
  const int64_t count = windows.rows * windows.windows();
  const Elements elements(call);
  if (windows.taps() < kManyTaps)
    return forEachOfRows(call, count, channels, [=] __device__(int64_t window, int64_t channel) {
      Value own;
      const WindowGrid& n = elements.n;
      n.eachElement(n.window(static_cast<int>(window)), [&](int position, int tap) {
        if (elements.counts(position)) take(own, window, position, tap, channel);
      });
      done(window, channel, own);
    });
  const Groups groups(count * channels, windows.taps(), channels > 1);
  return forEachGroup(
      call, groups, [=] __device__(const Team& team, int64_t group, int64_t members) {
        const int64_t window = group / channels, channel = group - window * channels;
        const WindowGrid& n = elements.n;
        const WindowGrid::Place place = n.window(members > 0 ? static_cast<int>(window) : 0);
        Value own;
        for (int64_t k = team.lane(); k < members; k += team.lanes()) {
          const int tap = static_cast<int>(k), position = n.positionOf(place, tap);
          if (position >= 0 && elements.counts(position)) take(own, window, position, tap, channel);
        }
        own = team.merged(own);
        if (team.lane() == 0 && members > 0) done(window, channel, own);
      });
}

struct Mean {
  float sum = 0;
  int32_t count = 0;
  __device__ void merge(const Mean& other) {
    sum += other.sum;
    count += other.count;
  }
};

int32_t forward(const OpCall& call) noexcept {
  using namespace pooling;
  const int64_t C = call.in[kX].shape.last();
  const float* x = input(call, kX);
  float* y = output(call, kY);
  if (isMax(call))
    return reduceWindows<Best<true>>(
        call, C,
        [=] __device__(Best<true> & own, int64_t, int position, int, int64_t c) {
          own.add(x[position * C + c]);
        },
        [=] __device__(int64_t window, int64_t c, const Best<true>& own) {
          y[window * C + c] = own.value;
        });
  return reduceWindows<Mean>(
      call, C,
      [=] __device__(Mean & own, int64_t, int position, int, int64_t c) {
        own.merge({x[position * C + c], 1});
      },
      [=] __device__(int64_t window, int64_t c, const Mean& own) {
        y[window * C + c] = own.count > 0 ? own.sum / static_cast<float>(own.count) : 0.0f;
      });
}

// dx: the sum of share(window, tap, channel) over the windows that an element counts in.
template <typename Share>
int32_t sumShares(const OpCall& call, Share share) noexcept {
  const Windows windows = windowsOf(call);
  const Elements elements(call);
  const int64_t C = windows.channels;
  float* dx = output(call, poolingBackward::kDx);
  return forEachOfRows(
      call, windows.rows * windows.positions(), C, [=] __device__(int64_t position, int64_t c) {
        const auto number = static_cast<int>(position);
        float sum = 0;
        if (elements.counts(number))
          elements.n.eachWindow(elements.n.position(number),
                                [&](int window, int tap) { sum += share(window, tap, c); });
        dx[position * C + c] = sum;
      });
}

using First = Least<int32_t>;
using Count = Sum<int32_t>;

// The element that gets a window's gradient: the first that is as large as the largest.
int32_t backwardOfMax(const OpCall& call) noexcept {
  using namespace poolingBackward;
  const int64_t C = call.in[kX].shape.last();
  const float *x = input(call, kX), *y = input(call, kY), *dy = input(call, kDy);
  auto* largest = static_cast<int32_t*>(call.scratch);  // [windows,C]
  const int32_t status = reduceWindows<First>(
      call, C,
      [=] __device__(First & own, int64_t window, int position, int tap, int64_t c) {
        const float value = x[position * C + c], most = y[window * C + c];
        if (value == most || (value != value && most != most)) own.merge({tap});
      },
      [=] __device__(int64_t window, int64_t c, const First& own) {
        largest[window * C + c] = own.value;
      });
  if (status != 0) return status;
  return sumShares(call, [=] __device__(int window, int tap, int64_t c) {
    return largest[window * C + c] == tap ? dy[window * C + c] : 0.0f;
  });
}

int32_t backwardOfMean(const OpCall& call) noexcept {
  using namespace poolingBackward;
  const int64_t C = call.in[kX].shape.last();
  const float* dy = input(call, kDy);
  auto* counts = static_cast<int32_t*>(call.scratch);  // [windows]
  const int32_t status = reduceWindows<Count>(
      call, 1, [=] __device__(Count & own, int64_t, int, int, int64_t) { ++own.value; },
      [=] __device__(int64_t window, int64_t, const Count& own) { counts[window] = own.value; });
  if (status != 0) return status;
  return sumShares(call, [=] __device__(int window, int, int64_t c) {
    return dy[window * C + c] / static_cast<float>(counts[window]);
  });
}

size_t backwardScratch(const OpCall& call) noexcept {
  const Windows n = windowsOf(call);
  const int64_t each = isMax(call) ? n.channels : 1;
  return static_cast<size_t>(n.rows * n.windows() * each) * sizeof(int32_t);
}

int32_t backward(const OpCall& call) noexcept {
  return isMax(call) ? backwardOfMax(call) : backwardOfMean(call);
}

}  // namespace

Kernel poolingKernel() { return {.name = "cuda.pooling", .whyNot = whyNot, .launch = forward}; }
Kernel poolingBackwardKernel() {
  return {.name = "cuda.poolingBackward",
          .whyNot = whyNot,
          .scratchBytes = backwardScratch,
          .launch = backward};
}

}  // namespace sluice::cuda
