// Calls with windows over small tensors, for native tests.
#pragma once

#include "engine/backend/op.h"
#include "support/launch.h"

namespace sluice::test {

// One axis, or with `rows` two.
struct WindowSpec {
  const char* what;
  WindowAttributes window;
  Shape x;  // [B,W,C] or [B,H,W,C]
};

inline WindowAttributes oneAxis(int64_t size, int64_t stride, int64_t dilation, Padding padding) {
  WindowAttributes window;
  window.size[1] = size;
  window.stride[1] = stride;
  window.dilation[1] = dilation;
  window.padding = padding;
  return window;
}
inline WindowAttributes twoAxes(std::array<int64_t, 2> size, std::array<int64_t, 2> stride,
                                std::array<int64_t, 2> dilation, Padding padding) {
  WindowAttributes window;
  window.axes = 2;
  for (size_t i = 0; i < 2; ++i) {
    window.size[i] = size[i];
    window.stride[i] = stride[i];
    window.dilation[i] = dilation[i];
  }
  window.padding = padding;
  return window;
}
inline WindowAttributes wholeWindow(int axes) {
  WindowAttributes window;
  window.axes = axes;
  window.whole = 1;
  return window;
}

// Of the output with these channels.
inline Shape windowShape(const WindowAttributes& window, const Shape& x, int64_t channels) {
  const Windows n(window, x);
  if (window.whole) return makeShape(x[0], channels);
  return window.axes == 1 ? makeShape(x[0], n.w.out, channels)
                          : makeShape(x[0], n.h.out, n.w.out, channels);
}

// Every way of padding, strides, dilation, a window of one position, one that is as large as the
// input and one that mostly lies outside.
inline std::vector<WindowSpec> windowSpecs(int64_t channels) {
  const auto [valid, same, causal] = std::array{Padding::Valid, Padding::Same, Padding::Causal};
  const Shape line = makeShape(2, 7, channels), image = makeShape(2, 5, 6, channels);
  return {{"valid", oneAxis(3, 1, 1, valid), line},
          {"same", oneAxis(4, 1, 1, same), line},
          {"causal", oneAxis(3, 1, 1, causal), line},
          {"one step", oneAxis(1, 1, 1, valid), line},
          {"all steps", oneAxis(7, 1, 1, valid), line},
          {"longer than the input", oneAxis(9, 1, 1, same), makeShape(3, 2, channels)},
          {"strides", oneAxis(3, 2, 1, valid), line},
          {"strides, same", oneAxis(3, 2, 1, same), line},
          {"strides, causal", oneAxis(3, 3, 1, causal), line},
          {"strides above the size", oneAxis(2, 3, 1, same), line},
          {"dilation", oneAxis(3, 1, 2, valid), line},
          {"dilation, same", oneAxis(3, 1, 3, same), line},
          {"dilation, causal", oneAxis(3, 1, 4, causal), line},
          {"no steps", oneAxis(3, 1, 1, same), makeShape(2, 0, channels)},
          {"no rows", oneAxis(3, 1, 1, valid), makeShape(0, 5, channels)},
          {"image", twoAxes({3, 2}, {1, 1}, {1, 1}, valid), image},
          {"image, same", twoAxes({3, 3}, {1, 1}, {1, 1}, same), image},
          {"image, strides", twoAxes({2, 3}, {2, 3}, {1, 1}, valid), image},
          {"image, strides, same", twoAxes({3, 3}, {2, 2}, {1, 1}, same), image},
          {"image, dilation", twoAxes({2, 3}, {1, 1}, {3, 2}, valid), image},
          {"image, dilation, same", twoAxes({3, 3}, {1, 1}, {2, 2}, same), image}};
}

inline Case convolutionCase(Random& random, DType real, const WindowSpec& spec, int64_t last,
                            bool depthwise, bool bias) {
  const int64_t channels = spec.x.last();
  Shape kernel = spec.window.axes == 1
                     ? makeShape(spec.window.size[1], channels, last)
                     : makeShape(spec.window.size[0], spec.window.size[1], channels, last);
  const int64_t filters = depthwise ? channels * last : last;
  Case c{depthwise ? Op::DepthwiseConvolution : Op::Convolution, &spec.window,
         std::vector<Tensor>(depthwise ? size_t{depthwiseConvolution::kInCount}
                                       : size_t{convolution::kInCount}),
         std::vector<Tensor>(depthwise ? size_t{depthwiseConvolution::kOutCount}
                                       : size_t{convolution::kOutCount})};
  c.in[convolution::kX] = random.tensor(real, spec.x);
  c.in[convolution::kKernel] = random.tensor(real, kernel);
  if (bias) c.in[convolution::kBias] = random.tensor(real, makeShape(filters));
  c.out[convolution::kY] = Tensor(real, windowShape(spec.window, spec.x, filters));
  return c;
}

// With random gradients of the outputs.
inline Case convolutionBackwardCase(Random& random, const Case& forward) {
  const Tensor &x = forward.in[convolution::kX], &kernel = forward.in[convolution::kKernel];
  const Tensor& y = forward.out[convolution::kY];
  const bool depthwise = forward.op == Op::DepthwiseConvolution;
  return {depthwise ? Op::DepthwiseConvolutionBackward : Op::ConvolutionBackward,
          forward.attributes,
          {x, kernel, random.tensor(x.dtype(), y.shape())},
          {Tensor(x.dtype(), x.shape()), Tensor(x.dtype(), kernel.shape()),
           Tensor(x.dtype(), makeShape(y.shape().last()))}};
}

inline Case poolingCase(Random& random, DType real, const PoolingAttributes& attributes,
                        const Shape& x, bool masked) {
  Case c{Op::Pooling, &attributes, std::vector<Tensor>(pooling::kInCount),
         std::vector<Tensor>(pooling::kOutCount)};
  c.in[pooling::kX] = random.tensor(real, x);
  if (masked) c.in[pooling::kMask] = random.mask(makeShape(x[0], x[1]), 0.5);
  c.out[pooling::kY] = Tensor(real, windowShape(attributes.window, x, x.last()));
  return c;
}

// Of a forward call that has run, with random gradients of the outputs.
inline Case poolingBackwardCase(Random& random, const PoolingAttributes& attributes,
                                const Case& forward) {
  const Tensor &x = forward.in[pooling::kX], &y = forward.out[pooling::kY];
  const bool isMax = attributes.mode == PoolingMode::Max;
  return {
      Op::PoolingBackward,
      &attributes,
      {x, forward.in[pooling::kMask], isMax ? y : Tensor(), random.tensor(x.dtype(), y.shape())},
      {Tensor(x.dtype(), x.shape())}};
}

}  // namespace sluice::test
