#include "cuda/emulator_kernels.h"

#include <type_traits>

#include "cuda/device/intrinsics.h"

namespace sluice::test {

using namespace sluice::cuda;

// --- the functions that device code relies on, of either header ---------------------------------

namespace {

using Multiply = void (*)(float (&)[4], const uint32_t (&)[4], const uint32_t (&)[2]);
using CopyAsync = void (*)(void*, const void*, bool);
using LoadFour = void (*)(uint32_t (&)[4], const void*);
using Action = void (*)();

static_assert(std::is_same_v<decltype(sharedMemory<float>()), float*>);
static_assert(std::is_same_v<decltype(&copyAsync16), CopyAsync>);
static_assert(std::is_same_v<decltype(&copyAsync4), CopyAsync>);
static_assert(std::is_same_v<decltype(&commitCopies), Action>);
static_assert(std::is_same_v<decltype(&waitCopies<1>), Action>);
static_assert(std::is_same_v<decltype(BFloat16::bits), uint16_t> && sizeof(BFloat16) == 2);
static_assert(std::is_same_v<decltype(Half::bits), uint16_t> && sizeof(Half) == 2);
static_assert(std::is_same_v<decltype(&toBFloat16), BFloat16 (*)(float)>);
static_assert(std::is_same_v<decltype(&toHalf), Half (*)(float)>);
static_assert(std::is_same_v<decltype(toFloat(BFloat16{})), float>);
static_assert(std::is_same_v<decltype(toFloat(Half{})), float>);
static_assert(std::is_same_v<decltype(&toTf32), uint32_t (*)(float)>);
static_assert(std::is_same_v<decltype(&packBFloat16), uint32_t (*)(float, float)>);
static_assert(std::is_same_v<decltype(&packHalf), uint32_t (*)(float, float)>);
static_assert(std::is_same_v<decltype(&multiplyTf32), Multiply>);
static_assert(std::is_same_v<decltype(&multiplyBFloat16), Multiply>);
static_assert(std::is_same_v<decltype(&multiplyHalf), Multiply>);
static_assert(std::is_same_v<decltype(&loadMatrices4), LoadFour>);
static_assert(std::is_same_v<decltype(&loadMatrices4Transposed), LoadFour>);
static_assert(std::is_same_v<decltype(&shuffleXor<float>), float (*)(float, int)>);
static_assert(std::is_same_v<decltype(&awaitPrimary), Action>);
static_assert(std::is_same_v<decltype(&releaseDependents), Action>);

// --- kernels ------------------------------------------------------------------------------------

constexpr int kMostThreads = 256;
constexpr unsigned kAll = 0xffffffffu;

__global__ void scale(const float* __restrict__ in, float factor, float* __restrict__ out,
                      int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) out[i] = factor * __ldg(in + i);
}

__global__ void __launch_bounds__(kMostThreads) reverse(const float* in, float* out, bool barrier) {
  __shared__ float values[kMostThreads];
  const unsigned first = blockIdx.x * blockDim.x;
  values[threadIdx.x] = in[first + threadIdx.x];
  if (barrier) __syncthreads();
  out[first + threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}

__global__ void fresh(float* of, int* turn, int* turns) {
  __shared__ float fixed[1];
  float* dynamic = sharedMemory<float>();
  of[2 * blockIdx.x] = fixed[0];
  of[2 * blockIdx.x + 1] = dynamic[0];
  fixed[0] = dynamic[0] = 1;
  turns[blockIdx.x] = atomicAdd(turn, 1);
}

__global__ void votes(const int* predicate, int leave, int* out) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread >= leave) return;
  const int any = __syncthreads_or(predicate[thread]);
  const int all = __syncthreads_and(predicate[thread]);
  const int count = __syncthreads_count(predicate[thread]);
  if (thread != 0) return;
  out[0] = any != 0;
  out[1] = all != 0;
  out[2] = count;
}

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(kAll, 10 * lane, 3);
  out[32 + lane] = __shfl_up_sync(kAll, 10 * lane, 2);
  out[64 + lane] = __shfl_down_sync(kAll, 10 * lane, 2, 8);
  out[96 + lane] = shuffleXor(10 * lane, 5);
  out[128 + lane] = static_cast<int>(__ballot_sync(kAll, lane % 2));
  __syncwarp();
  if (lane % 2 == 0) {
    const unsigned even = 0x55555555u;
    out[160 + lane] = (__any_sync(even, lane < 30) ? 1 : 0) | (__all_sync(even, lane < 30) ? 2 : 0);
  }
}

__global__ void shuffleDoubles(double* out) { out[threadIdx.x] = shuffleXor(0.1 * threadIdx.x, 1); }

template <Product kProduct>
__global__ void product(const float* a, const float* b, float* d) {
  const int group = static_cast<int>(threadIdx.x) / 4;
  const int member = static_cast<int>(threadIdx.x) % 4;
  float sums[4];
  uint32_t left[4];
  uint32_t right[2];
  for (int i = 0; i < 4; ++i) sums[i] = d[(group + i / 2 * 8) * 8 + 2 * member + i % 2];
  if constexpr (kProduct == Product::Tf32) {
    for (int i = 0; i < 4; ++i) {
      left[i] = toTf32(a[(group + i % 2 * 8) * 8 + member + i / 2 * 4]);
    }
    for (int i = 0; i < 2; ++i) right[i] = toTf32(b[(member + 4 * i) * 8 + group]);
    multiplyTf32(sums, left, right);
  } else {
    const auto pack = [](float low, float high) {
      return kProduct == Product::Half ? packHalf(low, high) : packBFloat16(low, high);
    };
    for (int i = 0; i < 4; ++i) {
      const float* pair = a + (group + i % 2 * 8) * 16 + 2 * member + i / 2 * 8;
      left[i] = pack(pair[0], pair[1]);
    }
    for (int i = 0; i < 2; ++i) {
      const float* pair = b + (2 * member + 8 * i) * 8 + group;
      right[i] = pack(pair[0], pair[8]);
    }
    if constexpr (kProduct == Product::Half) multiplyHalf(sums, left, right);
    if constexpr (kProduct == Product::BFloat16) multiplyBFloat16(sums, left, right);
  }
  for (int i = 0; i < 4; ++i) d[(group + i / 2 * 8) * 8 + 2 * member + i % 2] = sums[i];
}

__global__ void loadMatrices(const uint16_t* in, uint32_t* out) {
  uint16_t* matrices = sharedMemory<uint16_t>();  // [4][8][8]
  for (int i = static_cast<int>(threadIdx.x); i < 256; i += 32) matrices[i] = in[i];
  __syncwarp();
  const uint16_t* row = matrices + 8 * threadIdx.x;
  uint32_t four[4];
  uint32_t* to = out + threadIdx.x;
  loadMatrices4(four, row);
  for (int i = 0; i < 4; ++i) to[32 * i] = four[i];
  loadMatrices4Transposed(four, row);
  for (int i = 0; i < 4; ++i) to[32 * (4 + i)] = four[i];
}

__global__ void copies(const float* in, float* out, int valid, int groups, bool single) {
  float* shared = sharedMemory<float>();
  const int thread = static_cast<int>(threadIdx.x);
  const int half = static_cast<int>(blockDim.x) / 2;
  // Two groups: of each thread the first half of its floats, then the second.
  for (int part = 0; part < 2; ++part) {
    if (single) {
      for (int i = 2 * part; i < 2 * part + 2; ++i) {
        copyAsync4(shared + 4 * thread + i, in + 4 * thread + i, thread < valid);
      }
    } else if (thread / half == part) {
      copyAsync16(shared + 4 * thread, in + 4 * thread, thread < valid);
    }
    commitCopies();
  }
  if (groups == 1) waitCopies<1>();
  if (groups == 2) waitCopies<0>();
  __syncthreads();
  for (int i = 0; i < 4; ++i) out[4 * thread + i] = shared[4 * thread + i];
}

__global__ void convert(const float* in, uint32_t* out, int count) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= count) return;
  const BFloat16 bfloat = toBFloat16(in[i]);
  const Half half = toHalf(in[i]);
  out[i] = bfloat.bits;
  out[count + i] = half.bits;
  out[2 * count + i] = toTf32(in[i]);
  out[3 * count + i] = __float_as_uint(toFloat(bfloat));
  out[4 * count + i] = __float_as_uint(toFloat(half));
}

__global__ void divergent(bool sameWarp) {
  const bool second = sameWarp ? threadIdx.x % 2 == 1 : threadIdx.x >= 32;
  if (second && sameWarp) __syncwarp();
  if (second && !sameWarp) __syncwarp(1u << (threadIdx.x + 1) % 32 | 1u << threadIdx.x % 32);
  if (!second) __syncthreads();
}

__global__ void mixedBarriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads_or(1);
  }
}

__global__ void early(bool await, const float* in, float* out) {
  releaseDependents();
  if (await) awaitPrimary();
  out[threadIdx.x] = in[threadIdx.x];
}

}  // namespace

// --- launches -----------------------------------------------------------------------------------

cudaError_t launchScale(const cudaLaunchConfig_t& config, const float* in, float factor, float* out,
                        int count) {
  return cudaLaunchKernelEx(&config, scale, in, factor, out, count);
}

cudaError_t launchReverse(const cudaLaunchConfig_t& config, const float* in, float* out,
                          bool barrier) {
  return cudaLaunchKernelEx(&config, reverse, in, out, barrier);
}

cudaError_t launchFresh(const cudaLaunchConfig_t& config, float* of, int* turn, int* turns) {
  return cudaLaunchKernelEx(&config, fresh, of, turn, turns);
}

cudaError_t launchVotes(const cudaLaunchConfig_t& config, const int* predicate, int leave,
                        int* out) {
  return cudaLaunchKernelEx(&config, votes, predicate, leave, out);
}

cudaError_t launchShuffles(const cudaLaunchConfig_t& config, int* out) {
  return cudaLaunchKernelEx(&config, shuffles, out);
}

cudaError_t launchShuffleDoubles(const cudaLaunchConfig_t& config, double* out) {
  return cudaLaunchKernelEx(&config, shuffleDoubles, out);
}

cudaError_t launchProduct(const cudaLaunchConfig_t& config, Product kind, const float* a,
                          const float* b, float* d) {
  const auto kernel = kind == Product::Tf32   ? product<Product::Tf32>
                      : kind == Product::Half ? product<Product::Half>
                                              : product<Product::BFloat16>;
  return cudaLaunchKernelEx(&config, kernel, a, b, d);
}

cudaError_t launchLoadMatrices(const cudaLaunchConfig_t& config, const uint16_t* in,
                               uint32_t* out) {
  return cudaLaunchKernelEx(&config, loadMatrices, in, out);
}

cudaError_t launchCopies(const cudaLaunchConfig_t& config, const float* in, float* out, int valid,
                         int groups, bool single) {
  return cudaLaunchKernelEx(&config, copies, in, out, valid, groups, single);
}

cudaError_t launchConvert(const cudaLaunchConfig_t& config, const float* in, uint32_t* out,
                          int count) {
  return cudaLaunchKernelEx(&config, convert, in, out, count);
}

cudaError_t launchDivergent(const cudaLaunchConfig_t& config, bool sameWarp) {
  return cudaLaunchKernelEx(&config, divergent, sameWarp);
}

cudaError_t launchMixedBarriers(const cudaLaunchConfig_t& config) {
  return cudaLaunchKernelEx(&config, mixedBarriers);
}

cudaError_t launchEarly(const cudaLaunchConfig_t& config, bool await, const float* in, float* out) {
  return cudaLaunchKernelEx(&config, early, await, in, out);
}

cudaError_t allowShared(int bytes) {
  return cudaFuncSetAttribute(fresh, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
}

cudaError_t countBlocks(int* blocks, int threads, size_t sharedBytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, fresh, threads, sharedBytes);
}

}  // namespace sluice::test
