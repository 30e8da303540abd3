// Pooling: every window, every element of it that exists.
#include <algorithm>
#include <cmath>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// Calls visit(position) for the elements of a window that are neither padding nor masked.
template <typename Visit>
void eachElement(const Windows& n, const uint8_t* mask, int64_t b, int64_t oh, int64_t ow,
                 const Visit& visit) {
  for (int64_t i = 0; i < n.h.size; ++i)
    for (int64_t j = 0; j < n.w.size; ++j) {
      const int64_t ih = n.h.at(oh, i), iw = n.w.at(ow, j);
      if (!n.h.holds(ih) || !n.w.holds(iw)) continue;
      if (mask && !mask[b * n.steps() + n.step(ih, iw)]) continue;
      visit((b * n.h.in + ih) * n.w.in + iw);
    }
}

template <typename Window>
void eachWindow(const Windows& n, const Window& window) {
  for (int64_t b = 0; b < n.rows; ++b)
    for (int64_t oh = 0; oh < n.h.out; ++oh)
      for (int64_t ow = 0; ow < n.w.out; ++ow) window(b, oh, ow, (b * n.h.out + oh) * n.w.out + ow);
}

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  using namespace pooling;
  const auto& attributes = call.attr<PoolingAttributes>();
  const Windows n(attributes.window, call.in[kX].shape);
  const int64_t C = n.channels;
  const Real* x = input<Real>(call, kX);
  const uint8_t* mask = input<uint8_t>(call, kMask);
  Real* y = output<Real>(call, kY);
  eachWindow(n, [&](int64_t b, int64_t oh, int64_t ow, int64_t window) {
    for (int64_t c = 0; c < C; ++c) {
      Real best = 0, sum = 0;
      int64_t count = 0;
      eachElement(n, mask, b, oh, ow, [&](int64_t at) {
        const Real value = x[at * C + c];
        if (count++ == 0 || value > best || std::isnan(value)) best = value;
        sum += value;
      });
      if (attributes.mode == PoolingMode::Max)
        y[window * C + c] = best;
      else
        y[window * C + c] = count > 0 ? sum / static_cast<Real>(count) : Real(0);
    }
  });
  return 0;
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  using namespace poolingBackward;
  const auto& attributes = call.attr<PoolingAttributes>();
  const Windows n(attributes.window, call.in[kX].shape);
  const int64_t C = n.channels;
  const Real* x = input<Real>(call, kX);
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const Real* y = input<Real>(call, kY);
  const Real* dy = input<Real>(call, kDy);
  Real* dx = output<Real>(call, kDx);
  std::fill_n(dx, n.rows * n.positions() * C, Real(0));
  eachWindow(n, [&](int64_t b, int64_t oh, int64_t ow, int64_t window) {
    int64_t count = 0;
    eachElement(n, mask, b, oh, ow, [&](int64_t) { ++count; });
    for (int64_t c = 0; c < C; ++c) {
      bool found = false;
      eachElement(n, mask, b, oh, ow, [&](int64_t at) {
        const int64_t i = at * C + c, o = window * C + c;
        if (attributes.mode == PoolingMode::Average) {
          dx[i] += dy[o] / static_cast<Real>(count);
        } else if (!found && (x[i] == y[o] || (std::isnan(x[i]) && std::isnan(y[o])))) {
          dx[i] += dy[o];
          found = true;
        }
      });
    }
  });
  return 0;
}

}  // namespace

template <typename Real>
Kernel poolingKernel() {
  return {.name = "reference.pooling", .launch = forward<Real>};
}
template <typename Real>
Kernel poolingBackwardKernel() {
  return {.name = "reference.poolingBackward", .launch = backward<Real>};
}
template Kernel poolingKernel<float>();
template Kernel poolingKernel<double>();
template Kernel poolingBackwardKernel<float>();
template Kernel poolingBackwardKernel<double>();

}  // namespace sluice::reference
