// A row of numbers without its mean and divided by its deviation, by a team of threads: in the
// order that its length fixes.
#pragma once

#include "cuda/device/team.h"

namespace sluice::cuda {

struct RowNorm {
  float mean = 0;
  float factor = 0;  // 1 / sqrt(variance + epsilon)

  __device__ float operator()(float x) const { return (x - mean) * factor; }
};

template <typename Of>
__device__ RowNorm normOf(const Team& team, int64_t members, float epsilon, const Of& of) {
  const float n = static_cast<float>(members);
  RowNorm norm;
  norm.mean = sumOf(team, members, of) / n;
  const float variance =
      sumOf(team, members, [&](int64_t i) { return (of(i) - norm.mean) * (of(i) - norm.mean); }) /
      n;
  norm.factor = 1.0f / sqrtf(variance + epsilon);
  return norm;
}

// The way back: of all members the sums of g, the gradients of what was normalised, and of g times
// the normalised values.
struct NormGradient {
  TwoSums<float> sums;

  __device__ void add(float g, float hat) {
    sums.first += g;
    sums.second += g * hat;
  }
  __device__ void merge(const Team& team) { sums = team.merged(sums); }
  // Of what stood before the norm.
  __device__ float operator()(float g, float hat, float factor, float members) const {
    return factor * (g - sums.first / members - hat * sums.second / members);
  }
};

}  // namespace sluice::cuda
