// The activation functions that ops name in their attributes.
#pragma once

#include <cstdint>

namespace sluice {

enum class ActivationKind : int32_t {
  Linear,
  Tanh,
  Sigmoid,
  Relu,
  Softsign,     // x / (1 + |x|)
  Softplus,     // log(1 + e^x), without overflow
  Elu,          // x > 0 ? x : alpha (e^x - 1)
  LeakyRelu,    // x > 0 ? x : alpha x, alpha >= 0
  HardSigmoid,  // min(1, max(0, alpha x + beta))
  // From here on not for recurrent cells, whose kernels know none of these.
  Exponential,  // e^x
  Selu,         // s (x > 0 ? x : a (e^x - 1)), kSeluScale and kSeluAlpha
  Silu,         // x sigmoid(x)
  Gelu,         // x (1 + erf(x / sqrt 2)) / 2
};
constexpr double kSeluScale = 1.0507009873554804934, kSeluAlpha = 1.6732632423543772848;

constexpr bool fitsCells(ActivationKind kind) { return kind <= ActivationKind::HardSigmoid; }
// Whether the derivative is taken from the input x.
constexpr bool needsInput(ActivationKind kind) {
  return kind == ActivationKind::Silu || kind == ActivationKind::Gelu;
}
// Every other derivative is taken from the OUTPUT y, so that nothing but y is kept for backward:
// tanh 1-y^2; sigmoid y(1-y); relu y>0; softsign (1-|y|)^2; softplus 1-e^-y; elu y>0 ? 1 : y+alpha;
// leakyRelu y>0 ? 1 : alpha; hardSigmoid 0<y<1 ? alpha : 0; exponential y; selu y>0 ? s : y + s a.
struct ActivationSpec {
  ActivationKind kind = ActivationKind::Linear;
  double alpha = 0;
  double beta = 0;
};

}  // namespace sluice
