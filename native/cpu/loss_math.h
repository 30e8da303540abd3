// The vectorised parts of losses and metrics: loops over one stretch of floats.
#pragma once

#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cpu {

// values[i] = loss of one element, for the losses that are means over the last axis; with slopes
// not null also its derivative by p.
void elementLosses(const LossAttributes& loss, const float* p, const float* t, int64_t n,
                   float* values, float* slopes);

double sumOf(const float* x, int64_t n);
void scaleBy(float factor, float* x, int64_t n);

// Of one row of logits p: exp(p - max), which exps receives where it is not null, and sums.
struct Softmax {
  float max;
  double sum;         // of the exponentials
  double total;       // of the targets t (0 where t is null)
  double difference;  // of t * (max - p)
};
Softmax softmaxOf(const float* p, const float* t, int64_t n, float* exps);
// exps[i] = exps[i] * factor - t[i] * targetFactor
void softmaxGradient(float* exps, const float* t, float factor, float targetFactor, int64_t n);

// The first index of the largest; 0 where the largest is a NaN. n >= 1.
int64_t argmaxOf(const float* x, int64_t n);

}  // namespace sluice::cpu
