// What the threads of a block bring together: values merged in an order that the shape alone fixes.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "cuda/device/intrinsics.h"

namespace sluice::cuda {

constexpr int kTeamLanes = 32, kTeamWarps = 8;  // of its block
constexpr int kTeamThreads = kTeamLanes * kTeamWarps;
constexpr size_t kTeamValueBytes = 24;  // at most, of what is merged

// How a block is shared out among groups of numbers, each of which becomes one.
struct TeamShape {
  int32_t width = kTeamLanes;  // lanes of a warp that work on one group: a power of two
  bool allWarps = false;       // those lanes of all warps of the block
  __host__ __device__ int lanes() const { return allWarps ? width * kTeamWarps : width; }
  __host__ __device__ int groups() const { return kTeamThreads / lanes(); }
};

// Any plain value, of the lane whose number differs in these bits.
template <typename Value>
__device__ inline Value valueOfLane(const Value& own, int bits) {
  constexpr int kWords = sizeof(Value) / sizeof(int);
  static_assert(kWords * sizeof(int) == sizeof(Value));
  int words[kWords];
  memcpy(words, &own, sizeof own);
#pragma unroll
  for (int i = 0; i < kWords; ++i) words[i] = shuffleXor(words[i], bits);
  Value other;
  memcpy(&other, words, sizeof other);
  return other;
}

// The threads that work on a group, as one of them sees it.
class Team {
 public:
  // `shared`: kTeamThreads values of the largest kind.
  __device__ Team(TeamShape shape, unsigned char* shared)
      : shape_(shape),
        inWarp_(static_cast<int>(threadIdx.x) % kTeamLanes),
        warp_(static_cast<int>(threadIdx.x) / kTeamLanes),
        shared_(shared) {}

  __device__ int lanes() const { return shape_.lanes(); }
  __device__ int lane() const {
    return inWarp_ % shape_.width + (shape_.allWarps ? warp_ * shape_.width : 0);
  }
  __device__ int64_t group() const {
    const int own = (shape_.allWarps ? inWarp_ : static_cast<int>(threadIdx.x)) / shape_.width;
    return int64_t{blockIdx.x} * shape_.groups() + own;
  }

  // own.merge() over all lanes' values, for each of them. Every thread of the block has to come.
  template <typename Value>
  __device__ Value merged(Value own) const {
    static_assert(sizeof(Value) <= kTeamValueBytes);
    for (int bits = 1; bits < shape_.width; bits *= 2) own.merge(valueOfLane(own, bits));
    if (!shape_.allWarps) return own;
    Value* values = reinterpret_cast<Value*>(shared_);
    values[threadIdx.x] = own;
    __syncthreads();
    own = values[inWarp_];
    for (int warp = 1; warp < kTeamWarps; ++warp) own.merge(values[warp * kTeamLanes + inWarp_]);
    __syncthreads();  // others may still read when the next values come
    return own;
  }

 private:
  TeamShape shape_;
  int inWarp_, warp_;
  unsigned char* shared_;
};

struct Largest {  // NaN counts nothing
  float value = -INFINITY;
  __device__ void merge(const Largest& other) { value = value < other.value ? other.value : value; }
};
template <typename Real>
struct Sum {
  Real value = 0;
  __device__ void merge(const Sum& other) { value += other.value; }
};
template <typename Whole>
struct Least {
  Whole value = std::numeric_limits<Whole>::max();
  __device__ void merge(const Least& other) { value = other.value < value ? other.value : value; }
};
template <typename Real>
struct TwoSums {
  Real first = 0, second = 0;
  __device__ void merge(const TwoSums& other) {
    first += other.first;
    second += other.second;
  }
};
// The largest, or the smallest, of the numbers seen: of equal ones the first, NaN before any.
template <bool kLargest>
struct Best {
  float value = 0;
  int32_t seen = 0;

  __device__ void add(float v) { merge({v, 1}); }
  __device__ void merge(const Best& other) {
    if (!other.seen || (seen && value != value)) return;
    const float v = other.value;
    if (!seen || v != v || (kLargest ? v > value : v < value)) *this = other;
  }
};

// The sum of of(member), for each lane of the team.
template <typename Of>
__device__ auto sumOf(const Team& team, int64_t members, const Of& of) {
  Sum<decltype(of(members))> sum;
  for (int64_t k = team.lane(); k < members; k += team.lanes()) sum.value += of(k);
  return team.merged(sum).value;
}

}  // namespace sluice::cuda
