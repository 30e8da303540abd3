// Convolution and depthwise convolution: every window, every element of it, one by one.
#include <algorithm>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// Calls visit(window, tap, x) for each window of each row and each element of it that lies inside;
// x points to the element's channels. Elements before the first position are taken from `before`,
// where there is one.
template <typename Real, typename Visit>
void eachElement(const Windows& n, Real* data, Real* before, const Visit& visit) {
  for (int64_t b = 0; b < n.rows; ++b)
    for (int64_t oh = 0; oh < n.h.out; ++oh)
      for (int64_t ow = 0; ow < n.w.out; ++ow)
        for (int64_t i = 0; i < n.h.size; ++i)
          for (int64_t j = 0; j < n.w.size; ++j) {
            const int64_t ih = n.h.at(oh, i), iw = n.w.at(ow, j);
            const int64_t window = (b * n.h.out + oh) * n.w.out + ow, tap = i * n.w.size + j;
            if (n.h.holds(ih) && n.w.holds(iw))
              visit(window, tap, data + ((b * n.h.in + ih) * n.w.in + iw) * n.channels);
            else if (before && iw < 0)
              visit(window, tap, before + ((b + 1) * n.w.before + iw) * n.channels);
          }
}

template <typename Real>
void startWithBias(const Real* bias, int64_t rows, int64_t columns, Real* y) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t f = 0; f < columns; ++f) y[row * columns + f] = bias ? bias[f] : Real(0);
}

template <typename Real>
void biasGradient(const Real* dy, int64_t rows, int64_t columns, Real* dBias) {
  if (!dBias) return;
  std::fill_n(dBias, columns, Real(0));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t f = 0; f < columns; ++f) dBias[f] += dy[row * columns + f];
}

// The last positions of what stood before and x.
template <typename Real>
void keepLast(const Windows& n, const Real* x, const Real* before, Real* after) {
  const int64_t left = n.w.before * n.channels, floats = n.w.in * n.channels;
  for (int64_t b = 0; b < n.rows; ++b)
    for (int64_t i = 0; i < left; ++i) {
      const int64_t from = floats - left + i;
      after[b * left + i] = from >= 0 ? x[b * floats + from] : before[(b + 1) * left + from];
    }
}

template <typename Real>
int32_t forward(const OpCall& call) noexcept {
  using namespace convolution;
  const Windows n(call.attr<WindowAttributes>(), call.in[kX].shape);
  const int64_t F = call.out[kY].shape.last(), C = n.channels;
  const Real* x = input<Real>(call, kX);
  const Real* kernel = input<Real>(call, kKernel);
  const Real* before = input<Real>(call, kBefore);
  Real* y = output<Real>(call, kY);
  startWithBias(input<Real>(call, kBias), n.rows * n.windows(), F, y);
  eachElement<const Real>(n, x, before, [&](int64_t window, int64_t tap, const Real* at) {
    for (int64_t c = 0; c < C; ++c)
      for (int64_t f = 0; f < F; ++f) y[window * F + f] += at[c] * kernel[(tap * C + c) * F + f];
  });
  if (Real* after = output<Real>(call, kAfter)) keepLast(n, x, before, after);
  return 0;
}

template <typename Real>
int32_t backward(const OpCall& call) noexcept {
  using namespace convolutionBackward;
  const Windows n(call.attr<WindowAttributes>(), call.in[kX].shape);
  const int64_t F = call.in[kDy].shape.last(), C = n.channels;
  const Real* x = input<Real>(call, kX);
  const Real* kernel = input<Real>(call, kKernel);
  const Real* dy = input<Real>(call, kDy);
  biasGradient(dy, n.rows * n.windows(), F, output<Real>(call, kDBias));
  if (Real* dKernel = output<Real>(call, kDKernel)) {
    std::fill_n(dKernel, n.taps() * C * F, Real(0));
    eachElement<const Real>(n, x, nullptr, [&](int64_t window, int64_t tap, const Real* at) {
      for (int64_t c = 0; c < C; ++c)
        for (int64_t f = 0; f < F; ++f)
          dKernel[(tap * C + c) * F + f] += at[c] * dy[window * F + f];
    });
  }
  if (Real* dx = output<Real>(call, kDx)) {
    std::fill_n(dx, n.rows * n.positions() * C, Real(0));
    eachElement<Real>(n, dx, nullptr, [&](int64_t window, int64_t tap, Real* at) {
      for (int64_t c = 0; c < C; ++c)
        for (int64_t f = 0; f < F; ++f) at[c] += dy[window * F + f] * kernel[(tap * C + c) * F + f];
    });
  }
  return 0;
}

template <typename Real>
int32_t depthwiseForward(const OpCall& call) noexcept {
  using namespace depthwiseConvolution;
  const Windows n(call.attr<WindowAttributes>(), call.in[kX].shape);
  const int64_t F = call.out[kY].shape.last(), M = call.in[kKernel].shape.last();
  const Real* kernel = input<Real>(call, kKernel);
  Real* y = output<Real>(call, kY);
  startWithBias(input<Real>(call, kBias), n.rows * n.windows(), F, y);
  eachElement<const Real>(n, input<Real>(call, kX), nullptr,
                          [&](int64_t window, int64_t tap, const Real* at) {
                            for (int64_t f = 0; f < F; ++f)
                              y[window * F + f] += at[f / M] * kernel[tap * F + f];
                          });
  return 0;
}

template <typename Real>
int32_t depthwiseBackward(const OpCall& call) noexcept {
  using namespace depthwiseConvolutionBackward;
  const Windows n(call.attr<WindowAttributes>(), call.in[kX].shape);
  const int64_t F = call.in[kDy].shape.last(), M = call.in[kKernel].shape.last();
  const Real* kernel = input<Real>(call, kKernel);
  const Real* dy = input<Real>(call, kDy);
  biasGradient(dy, n.rows * n.windows(), F, output<Real>(call, kDBias));
  if (Real* dKernel = output<Real>(call, kDKernel)) {
    std::fill_n(dKernel, n.taps() * F, Real(0));
    eachElement<const Real>(n, input<Real>(call, kX), nullptr,
                            [&](int64_t window, int64_t tap, const Real* at) {
                              for (int64_t f = 0; f < F; ++f)
                                dKernel[tap * F + f] += at[f / M] * dy[window * F + f];
                            });
  }
  if (Real* dx = output<Real>(call, kDx)) {
    std::fill_n(dx, n.rows * n.positions() * n.channels, Real(0));
    eachElement<Real>(n, dx, nullptr, [&](int64_t window, int64_t tap, Real* at) {
      for (int64_t f = 0; f < F; ++f) at[f / M] += dy[window * F + f] * kernel[tap * F + f];
    });
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel convolutionKernel() {
  return {.name = "reference.convolution", .launch = forward<Real>};
}
template <typename Real>
Kernel convolutionBackwardKernel() {
  return {.name = "reference.convolutionBackward", .launch = backward<Real>};
}
template <typename Real>
Kernel depthwiseConvolutionKernel() {
  return {.name = "reference.depthwiseConvolution", .launch = depthwiseForward<Real>};
}
template <typename Real>
Kernel depthwiseConvolutionBackwardKernel() {
  return {.name = "reference.depthwiseConvolutionBackward", .launch = depthwiseBackward<Real>};
}
template Kernel convolutionKernel<float>();
template Kernel convolutionKernel<double>();
template Kernel convolutionBackwardKernel<float>();
template Kernel convolutionBackwardKernel<double>();
template Kernel depthwiseConvolutionKernel<float>();
template Kernel depthwiseConvolutionKernel<double>();
template Kernel depthwiseConvolutionBackwardKernel<float>();
template Kernel depthwiseConvolutionBackwardKernel<double>();

}  // namespace sluice::reference
