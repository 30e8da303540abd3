// The language of kernels: what marks functions and variables, who a thread is, barriers, and what
// lanes of a warp tell each other.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "block.h"
#include "vectors.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
// A block runs at a time, so its shared memory can be static. The section lets each block begin
// with NaN in it; compilers ignore it in templates, whose shared memory holds what the last block
// left.
#define __shared__ static __attribute__((section("sluice_shared")))

extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

// --- barriers of the block ----------------------------------------------------------------------

inline void __syncthreads() { sluice::emulator::meetBlock("__syncthreads", nullptr, nullptr); }

namespace sluice::emulator {

struct Vote {
  int predicate;
  int result;
};

template <typename Result>
inline int voteOfBlock(const char* name, int predicate, Result) {
  Vote vote{predicate != 0, 0};
  meetBlock(name, &vote, [](const Meeting& meeting) {
    int voters = 0;
    int yes = 0;
    for (int i = 0; i < meeting.count; ++i) {
      const auto* one = static_cast<const Vote*>(meeting.brought[i]);
      if (one == nullptr) continue;
      ++voters;
      yes += one->predicate;
    }
    for (int i = 0; i < meeting.count; ++i) {
      auto* one = static_cast<Vote*>(meeting.brought[i]);
      if (one != nullptr) one->result = Result{}(yes, voters);
    }
  });
  return vote.result;
}

}  // namespace sluice::emulator

inline int __syncthreads_or(int predicate) {
  return sluice::emulator::voteOfBlock("__syncthreads_or", predicate,
                                       [](int yes, int) { return yes > 0 ? 1 : 0; });
}
inline int __syncthreads_and(int predicate) {
  return sluice::emulator::voteOfBlock("__syncthreads_and", predicate,
                                       [](int yes, int voters) { return yes == voters ? 1 : 0; });
}
inline int __syncthreads_count(int predicate) {
  return sluice::emulator::voteOfBlock("__syncthreads_count", predicate,
                                       [](int yes, int) { return yes; });
}

// --- lanes of a warp ----------------------------------------------------------------------------

inline void __syncwarp(unsigned mask = sluice::emulator::kAllLanes) {
  sluice::emulator::meetWarp("__syncwarp", mask, nullptr, nullptr);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  struct Ballot {
    int predicate;
    unsigned result;
  } ballot{predicate, 0};
  sluice::emulator::meetWarp("__ballot_sync", mask, &ballot,
                             [](const sluice::emulator::Meeting& meeting) {
                               unsigned bits = 0;
                               for (int i = 0; i < meeting.count; ++i) {
                                 const auto* one = static_cast<const Ballot*>(meeting.brought[i]);
                                 if (one != nullptr && one->predicate != 0) bits |= 1u << i;
                               }
                               for (int i = 0; i < meeting.count; ++i) {
                                 auto* one = static_cast<Ballot*>(meeting.brought[i]);
                                 if (one != nullptr) one->result = bits;
                               }
                             });
  return ballot.result;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
// Lanes of the mask that have ended do not count.
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate == 0 ? 1 : 0) == 0;
}

namespace sluice::emulator {

// The value of lane `from`; NaN bytes where that lane is not among those that met.
template <typename T>
T shuffle(const char* name, unsigned mask, T value, int from) {
  static_assert(std::is_arithmetic_v<T>);
  struct Exchange {
    T value;
    int from;
    T result;
  } exchange{value, from, value};
  meetWarp(name, mask, &exchange, [](const Meeting& meeting) {
    for (int i = 0; i < meeting.count; ++i) {
      auto* one = static_cast<Exchange*>(meeting.brought[i]);
      if (one == nullptr) continue;
      const auto* other = static_cast<const Exchange*>(meeting.brought[one->from]);
      if (other == nullptr) {
        std::memset(&one->result, 0xff, sizeof(T));
      } else {
        one->result = other->value;
      }
    }
  });
  return exchange.result;
}

// The first lane of the caller's part of the warp, whose width is a power of two.
inline int firstOf(int width) { return lane() & ~(width - 1); }

}  // namespace sluice::emulator

template <typename T>
T __shfl_sync(unsigned mask, T value, int from, int width = warpSize) {
  using namespace sluice::emulator;
  return shuffle("__shfl_sync", mask, value, firstOf(width) + (from & (width - 1)));
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  using namespace sluice::emulator;
  const int from = lane() - static_cast<int>(delta);
  return shuffle("__shfl_up_sync", mask, value, from < firstOf(width) ? lane() : from);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  using namespace sluice::emulator;
  const int from = lane() + static_cast<int>(delta);
  return shuffle("__shfl_down_sync", mask, value, from >= firstOf(width) + width ? lane() : from);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = warpSize) {
  using namespace sluice::emulator;
  const int from = lane() ^ bits;
  return shuffle("__shfl_xor_sync", mask, value, from >= firstOf(width) + width ? lane() : from);
}
