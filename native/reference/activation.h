// The activation functions and their derivatives, one number at a time.
#pragma once

#include <cmath>
#include <limits>

#include "engine/backend/op.h"

namespace sluice::reference {

template <typename Real>
Real sigmoid(Real x) {
  const Real e = std::exp(-std::abs(x));  // never overflows
  return (x < 0 ? e : Real(1)) / (1 + e);
}

template <typename Real>
Real softplus(Real x) {
  return (x > 0 ? x : Real(0)) + std::log1p(std::exp(-std::abs(x)));
}

// The normal distribution function.
template <typename Real>
Real normal(Real x) {
  return std::erfc(-x * Real(0.70710678118654752440)) / 2;
}

template <typename Real>
Real activate(const ActivationSpec& spec, Real x) {
  const Real alpha = static_cast<Real>(spec.alpha), beta = static_cast<Real>(spec.beta);
  switch (spec.kind) {
    case ActivationKind::Linear:
      return x;
    case ActivationKind::Tanh:
      return std::tanh(x);
    case ActivationKind::Sigmoid:
      return sigmoid(x);
    case ActivationKind::Relu:
      return x <= 0 ? Real(0) : x;  // in this order a NaN passes through
    case ActivationKind::Softsign:
      return std::isinf(x) ? std::copysign(Real(1), x) : x / (1 + std::abs(x));
    case ActivationKind::Softplus:
      return softplus(x);
    case ActivationKind::Elu:
      return x > 0 ? x : alpha * std::expm1(x);
    case ActivationKind::LeakyRelu:
      return x > 0 ? x : alpha * x;
    case ActivationKind::HardSigmoid: {
      const Real y = alpha * x + beta;
      return y < 0 ? Real(0) : y > 1 ? Real(1) : y;
    }
    case ActivationKind::Exponential:
      return std::exp(x);
    case ActivationKind::Selu:
      return static_cast<Real>(kSeluScale) *
             (x > 0 ? x : static_cast<Real>(kSeluAlpha) * std::expm1(x));
    case ActivationKind::Silu:
      return x == -std::numeric_limits<Real>::infinity() ? Real(0) : x * sigmoid(x);
    case ActivationKind::Gelu:
      return x == -std::numeric_limits<Real>::infinity() ? Real(0) : x * normal(x);
  }
  return x;
}

// dy/dx from y, or from x in its place where needsInput.
template <typename Real>
Real derivative(const ActivationSpec& spec, Real y) {
  const Real alpha = static_cast<Real>(spec.alpha);
  switch (spec.kind) {
    case ActivationKind::Linear:
      return 1;
    case ActivationKind::Tanh:
      return 1 - y * y;
    case ActivationKind::Sigmoid:
      return y * (1 - y);
    case ActivationKind::Relu:
      return y > 0 ? Real(1) : Real(0);
    case ActivationKind::Softsign:
      return (1 - std::abs(y)) * (1 - std::abs(y));
    case ActivationKind::Softplus:
      return -std::expm1(-y);
    case ActivationKind::Elu:
      return y > 0 ? Real(1) : y + alpha;
    case ActivationKind::LeakyRelu:
      return y > 0 ? Real(1) : alpha;
    case ActivationKind::HardSigmoid:
      return y > 0 && y < 1 ? alpha : Real(0);
    case ActivationKind::Exponential:
      return y;
    case ActivationKind::Selu:
      return y > 0 ? static_cast<Real>(kSeluScale) : y + static_cast<Real>(kSeluScale * kSeluAlpha);
    case ActivationKind::Silu: {
      const Real x = y, s = sigmoid(x);
      return std::isinf(x) ? s : s + x * s * (1 - s);
    }
    case ActivationKind::Gelu: {
      const Real x = y, density = std::exp(-x * x / 2) * Real(0.3989422804014326779);
      return std::isinf(x) ? normal(x) : normal(x) + x * density;
    }
  }
  return 1;
}

}  // namespace sluice::reference
