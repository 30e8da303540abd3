// A small case of cuDNN against plain loops in double: the output and every gradient.
#pragma once

#include "numbers.h"

namespace cudnn {

class Check {
 public:
  Check(cudnnHandle_t library, cudnnRNNAlgo_t algorithm, Layout layout, Numbers numbers)
      : numbers_(numbers), layer_(library, algorithm, layout, numbers, kCheckedSizes) {}

  double distance() {
    const GruInputs in =
        makeInputs(kCheckedSizes, [&](float value) { return rounded(numbers_, value); });
    const size_t B = kCheckedSizes.batch, T = kCheckedSizes.steps;
    put(*layer_.x, numbers_, swapAxes(in.x, B, T));
    put(*layer_.dy, numbers_, swapAxes(in.outputGradient, B, T));
    put(*layer_.initialState, numbers_, in.initialState);
    std::vector<unsigned char> weights(layer_.weights->bytes());
    eachWeight(in.kernel, in.recurrentKernel, in.bias,
               [&](size_t place, const double& value) { store(numbers_, value, &weights[place]); });
    layer_.weights->put(weights.data());
    layer_.dWeights->fillBytes(0);
    synchronize("inputs");

    layer_.forward(CUDNN_FWD_MODE_TRAINING);
    layer_.backwardData();
    layer_.backwardWeights();
    synchronize("training step");

    GruOutputs out;
    out.y = swapAxes(fetch(*layer_.y, numbers_), T, B);
    out.dx = swapAxes(fetch(*layer_.dx, numbers_), T, B);
    out.dInitialState = fetch(*layer_.dInitialState, numbers_);
    out.dKernel.resize(in.kernel.size());
    out.dRecurrentKernel.resize(in.recurrentKernel.size());
    out.dBias.resize(in.bias.size());
    layer_.dWeights->get(weights.data());
    eachWeight(out.dKernel, out.dRecurrentKernel, out.dBias,
               [&](size_t place, double& value) { value = load(numbers_, &weights[place]); });
    return bench::distance(out, referenceGru(kCheckedSizes, in));
  }

 private:
  // visit(place in bytes, element of ours) for every weight. Our columns are z, r, n, cuDNN's
  // linear layers r, z, n.
  template <typename Weights, typename Visit>
  void eachWeight(Weights& kernel, Weights& recurrentKernel, Weights& bias, Visit&& visit) const {
    constexpr size_t kColumnsOf[] = {1, 0, 2};
    const size_t H = kCheckedSizes.units, size = bytesOf(numbers_);
    for (size_t linear = 0; linear < 6; ++linear) {
      const Layer::Place place = layer_.placeOf(static_cast<int>(linear));
      Weights& matrix = linear < 3 ? kernel : recurrentKernel;
      const size_t width = linear < 3 ? kCheckedSizes.features : H;
      const size_t column = kColumnsOf[linear % 3] * H;
      for (size_t u = 0; u < H; ++u) {
        for (size_t k = 0; k < width; ++k)
          visit(place.matrix + (u * width + k) * size, matrix[k * 3 * H + column + u]);
        visit(place.bias + u * size, bias[linear / 3 * 3 * H + column + u]);
      }
    }
  }

  Numbers numbers_;
  Layer layer_;
};

}  // namespace cudnn
