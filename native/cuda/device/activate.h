// Activation functions and their derivatives, as engine/backend/activation.h defines them.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

#include "engine/backend/activation.h"

namespace sluice::cuda {

__device__ inline float sigmoid(float x) {
  // e^-|x| does not overflow, and the branch keeps small results exact.
  const float e = expf(-fabsf(x));
  return x >= 0 ? 1.0f / (1.0f + e) : e / (1.0f + e);
}

// The normal distribution function.
__device__ inline float normal(float x) { return 0.5f * erfcf(x * -0.70710678118654752f); }

__device__ inline float activate(const ActivationSpec& spec, float x) {
  const float alpha = static_cast<float>(spec.alpha), beta = static_cast<float>(spec.beta);
  switch (spec.kind) {
    case ActivationKind::Linear:
      return x;
    case ActivationKind::Tanh:
      return tanhf(x);
    case ActivationKind::Sigmoid:
      return sigmoid(x);
    case ActivationKind::Relu:
      return x > 0 || x != x ? x : 0.0f;
    case ActivationKind::Softsign:
      return isinf(x) ? copysignf(1.0f, x) : x / (1.0f + fabsf(x));
    case ActivationKind::Softplus:
      return (x > 0 ? x : 0.0f) + log1pf(expf(-fabsf(x)));
    case ActivationKind::Elu:
      return x > 0 ? x : alpha * expm1f(x);
    case ActivationKind::LeakyRelu:
      return x > 0 ? x : alpha * x;
    case ActivationKind::HardSigmoid: {
      const float y = alpha * x + beta;
      return y < 0 ? 0.0f : y > 1 ? 1.0f : y;
    }
    case ActivationKind::Exponential:
      return expf(x);
    case ActivationKind::Selu:
      return static_cast<float>(kSeluScale) *
             (x > 0 ? x : static_cast<float>(kSeluAlpha) * expm1f(x));
    case ActivationKind::Silu:
      return x == -INFINITY ? 0.0f : x * sigmoid(x);
    case ActivationKind::Gelu:
      return x == -INFINITY ? 0.0f : x * normal(x);
  }
  return x;
}

// Of the output y; where needsInput(kind), of the input x.
__device__ inline float derivative(const ActivationSpec& spec, float y, float x) {
  const float alpha = static_cast<float>(spec.alpha);
  switch (spec.kind) {
    case ActivationKind::Linear:
      return 1.0f;
    case ActivationKind::Tanh:
      return 1.0f - y * y;
    case ActivationKind::Sigmoid:
      return y * (1.0f - y);
    case ActivationKind::Relu:
      return y > 0 ? 1.0f : 0.0f;
    case ActivationKind::Softsign: {
      const float d = 1.0f - fabsf(y);
      return d * d;
    }
    case ActivationKind::Softplus:
      return -expm1f(-y);
    case ActivationKind::Elu:
      return y > 0 ? 1.0f : y + alpha;
    case ActivationKind::LeakyRelu:
      return y > 0 ? 1.0f : alpha;
    case ActivationKind::HardSigmoid:
      return y > 0 && y < 1 ? alpha : 0.0f;
    case ActivationKind::Exponential:
      return y;
    case ActivationKind::Selu:
      return y > 0 ? static_cast<float>(kSeluScale)
                   : y + static_cast<float>(kSeluScale * kSeluAlpha);
    case ActivationKind::Silu: {
      const float s = sigmoid(x);
      return isinf(x) ? s : s * (1.0f + x * (1.0f - s));
    }
    case ActivationKind::Gelu: {
      const float density = 0.39894228040143268f * expf(-0.5f * x * x);
      return isinf(x) ? normal(x) : normal(x) + x * density;
    }
  }
  return 1.0f;
}

}  // namespace sluice::cuda
