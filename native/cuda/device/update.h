// One parameter's update: engine/backend/op.h names the formulas.
#pragma once

#include <cuda_runtime.h>

#include "engine/backend/op.h"

namespace sluice::cuda {

struct UpdateArrays {
  const float *w, *g;
  float *updated, *slot0, *slot1;
};

// What stays the same from update to update.
struct UpdateRule {
  OptimizerKind kind;
  bool torchForm, nesterov;
  float limit;  // of each gradient's size; 0: none
  double momentum, rho, beta1, beta2, epsilon, weightDecay;

  explicit UpdateRule(const OptimizerAttributes& a)
      : kind(a.kind),
        torchForm(a.torchForm != 0),
        nesterov(a.nesterov != 0),
        limit(a.clipValue > 0 ? static_cast<float>(a.clipValue) : 0.0f),
        momentum(a.momentum),
        rho(a.rho),
        beta1(a.beta1),
        beta2(a.beta2),
        epsilon(a.epsilon),
        weightDecay(a.weightDecay) {}
};

// What elements meet, rounded once. Corrections are powers in double of a 64-bit iteration.
struct UpdateNumbers {
  float scale, rate, decay, momentum, epsilon, rootScale, keep0, take0, keep1, take1;

  UpdateNumbers() = default;
  __device__ UpdateNumbers(const UpdateRule& rule, const OptimizerStep& step) {
    const bool adam = rule.kind == OptimizerKind::Adam || rule.kind == OptimizerKind::AdamW;
    const auto t = static_cast<double>(step.iteration);
    double factor = 1, root = 1;
    if (adam) {
      root = sqrt(1 - pow(rule.beta2, t));
      // torch divides v by its correction before epsilon is added, Keras multiplies the rate.
      factor = (rule.torchForm ? 1 : root) / (1 - pow(rule.beta1, t));
    }
    scale = static_cast<float>(step.gradientScale);
    rate = static_cast<float>(step.learningRate * factor);
    decay = rule.kind == OptimizerKind::AdamW
                ? static_cast<float>(step.learningRate * rule.weightDecay)
                : 0.0f;
    momentum = static_cast<float>(rule.momentum);
    epsilon = static_cast<float>(rule.epsilon);
    rootScale = rule.torchForm ? static_cast<float>(1 / root) : 1.0f;
    keep0 = static_cast<float>(rule.beta1);
    take0 = static_cast<float>(1 - rule.beta1);
    keep1 = static_cast<float>(adam ? rule.beta2 : rule.rho);
    take1 = static_cast<float>(1 - (adam ? rule.beta2 : rule.rho));
  }
};

__device__ inline bool isFinite(float x) { return fabsf(x) <= 3.402823466e38f; }

// Kept within the limit; NaN stays.
__device__ inline float limitedTo(float limit, float g) {
  if (limit <= 0) return g;
  return g < -limit ? -limit : g > limit ? limit : g;
}

// The new mean of squares, which the slot keeps.
__device__ inline float meanSquare(const UpdateNumbers& n, float* slot, float g) {
  return *slot = fmaf(n.take1 * g, g, n.keep1 * *slot);
}

__device__ inline void update(const UpdateRule& rule, const UpdateNumbers& n, const UpdateArrays& a,
                              int64_t i, float factor) {
  const float g = limitedTo(rule.limit, a.g[i] * n.scale) * factor;
  float w = a.w[i];
  switch (rule.kind) {
    case OptimizerKind::Sgd: {
      const float move = n.rate * g;
      if (a.slot0 == nullptr) {
        w -= move;
        break;
      }
      const float velocity = a.slot0[i] = fmaf(n.momentum, a.slot0[i], -move);
      w += rule.nesterov ? fmaf(n.momentum, velocity, -move) : velocity;
      break;
    }
    case OptimizerKind::Rmsprop: {
      const float mean = meanSquare(n, a.slot0 + i, g);
      const float root = rule.torchForm ? sqrtf(mean) + n.epsilon : sqrtf(mean + n.epsilon);
      float move = n.rate * g / root;
      if (a.slot1) move = a.slot1[i] = fmaf(n.momentum, a.slot1[i], move);
      w -= move;
      break;
    }
    case OptimizerKind::Adam:
    case OptimizerKind::AdamW: {
      const float m = a.slot0[i] = fmaf(n.take0, g, n.keep0 * a.slot0[i]);
      const float v = meanSquare(n, a.slot1 + i, g);
      const float root = fmaf(sqrtf(v), n.rootScale, n.epsilon);
      w = fmaf(-n.decay, w, w);
      w -= n.rate * m / root;
      break;
    }
  }
  a.updated[i] = w;
}

}  // namespace sluice::cuda
