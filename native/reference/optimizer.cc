// The optimizers, element by element in double, rounded once at the end. Keras' forms; torchForm
// changes where epsilon stands and, for Adam, which bias correction it meets.
#include <algorithm>
#include <cmath>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// min(1, limit / norm); a NaN stays one.
double clipFactor(double limit, double norm) {
  return limit <= 0 || norm <= limit ? 1 : limit / norm;
}

template <typename Real>
struct Gradients {
  const OptimizerAttributes& attr;
  const Real* data;
  double globalFactor = 1;

  double scaled(int64_t i) const {
    const double g = static_cast<double>(data[i]), limit = attr.clipValue;
    return limit <= 0 ? g : g < -limit ? -limit : g > limit ? limit : g;
  }
  double norm(const ParameterSegment& segment) const {
    double sum = 0;
    for (int64_t i = 0; i < segment.length; ++i)
      sum += scaled(segment.offset + i) * scaled(segment.offset + i);
    return std::sqrt(sum);
  }
  double segmentFactor(const ParameterSegment& segment) const {
    return attr.clipVariableNorm > 0 ? clipFactor(attr.clipVariableNorm, norm(segment)) : 1;
  }
  void clipGlobally() {
    if (attr.clipNorm <= 0) return;
    double sum = 0;
    for (int64_t s = 0; s < attr.segmentCount; ++s) {
      const ParameterSegment& segment = attr.segments[s];
      if (segment.trainable) sum += std::pow(segmentFactor(segment) * norm(segment), 2);
    }
    globalFactor = clipFactor(attr.clipNorm, std::sqrt(sum));
  }
};

struct Parameter {
  double w, slot0, slot1;
};

Parameter update(const OptimizerAttributes& attr, Parameter p, double g) {
  const double lr = attr.learningRate, t = static_cast<double>(attr.iteration);
  switch (attr.kind) {
    case OptimizerKind::Sgd: {
      if (attr.momentum == 0) return {p.w - lr * g, 0, 0};
      const double v = attr.momentum * p.slot0 - lr * g;
      return {p.w + (attr.nesterov ? attr.momentum * v - lr * g : v), v, 0};
    }
    case OptimizerKind::Rmsprop: {
      const double meanSquare = attr.rho * p.slot0 + (1 - attr.rho) * g * g;
      const double root = attr.torchForm ? std::sqrt(meanSquare) + attr.epsilon
                                         : std::sqrt(meanSquare + attr.epsilon);
      const double velocity = attr.momentum * p.slot1 + lr * g / root;
      return {p.w - velocity, meanSquare, velocity};
    }
    case OptimizerKind::AdamW:
      p.w -= lr * attr.weightDecay * p.w;
      [[fallthrough]];
    case OptimizerKind::Adam: {
      const double m = attr.beta1 * p.slot0 + (1 - attr.beta1) * g;
      const double v = attr.beta2 * p.slot1 + (1 - attr.beta2) * g * g;
      const double mCorrection = 1 - std::pow(attr.beta1, t),
                   vCorrection = 1 - std::pow(attr.beta2, t);
      const double step =
          attr.torchForm
              ? lr * (m / mCorrection) / (std::sqrt(v / vCorrection) + attr.epsilon)
              : lr * std::sqrt(vCorrection) / mCorrection * m / (std::sqrt(v) + attr.epsilon);
      return {p.w - step, m, v};
    }
  }
  return p;
}

template <typename Real>
int32_t run(const OpCall& call) noexcept {
  using namespace optimize;
  const auto& attr = call.attr<OptimizerAttributes>();
  const Real* w = input<Real>(call, kParameters);
  Real* updated = output<Real>(call, kUpdated);
  Real* slots[2] = {output<Real>(call, kSlot0), output<Real>(call, kSlot1)};
  Gradients<Real> gradients{attr, input<Real>(call, kGradients)};
  gradients.clipGlobally();
  for (int64_t s = 0; s < attr.segmentCount; ++s) {
    const ParameterSegment& segment = attr.segments[s];
    const double factor =
        segment.trainable ? gradients.segmentFactor(segment) * gradients.globalFactor : 0;
    for (int64_t i = segment.offset; i < segment.offset + segment.length; ++i) {
      if (!segment.trainable) {
        updated[i] = w[i];
        continue;
      }
      const auto slot = [&](int k) { return slots[k] ? static_cast<double>(slots[k][i]) : 0.0; };
      const Parameter next =
          update(attr, {static_cast<double>(w[i]), slot(0), slot(1)}, gradients.scaled(i) * factor);
      updated[i] = static_cast<Real>(next.w);
      if (slots[0]) slots[0][i] = static_cast<Real>(next.slot0);
      if (slots[1]) slots[1][i] = static_cast<Real>(next.slot1);
    }
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel optimizeKernel() {
  return {.name = "reference.optimize", .launch = run<Real>};
}
template Kernel optimizeKernel<float>();
template Kernel optimizeKernel<double>();

}  // namespace sluice::reference
