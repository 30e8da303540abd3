// Kernels with which the emulator is tested; also compiled by nvcc against the real headers.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace sluice::test {

// How a block is launched that uses no dynamic shared memory.
inline cudaLaunchConfig_t configure(unsigned blocks, unsigned threads,
                                    cudaStream_t stream = nullptr) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(blocks);
  config.blockDim = dim3(threads);
  config.stream = stream;
  return config;
}

enum class Product { Tf32, BFloat16, Half };

// out[i] = factor * in[i] for i below count
cudaError_t launchScale(const cudaLaunchConfig_t& config, const float* in, float factor, float* out,
                        int count);
// Turns round the values of each block through shared memory, with or without a barrier.
cudaError_t launchReverse(const cudaLaunchConfig_t& config, const float* in, float* out,
                          bool barrier);
// What static, and what dynamic shared memory hold in the beginning, and in which order blocks run.
cudaError_t launchFresh(const cudaLaunchConfig_t& config, float* of, int* turn, int* turns);
// out: or, and, count of predicate[thread]; threads from `leave` on end before
cudaError_t launchVotes(const cudaLaunchConfig_t& config, const int* predicate, int leave,
                        int* out);
// out[6][32] of one warp: lane 3's, lane - 2's, lane + 2's of eight lanes, lane ^ 5's, the ballot
// of odd lanes, and whether any and all (as bits 0 and 1) of the even lanes are below 30
cudaError_t launchShuffles(const cudaLaunchConfig_t& config, int* out);
cudaError_t launchShuffleDoubles(const cudaLaunchConfig_t& config, double* out);  // lane ^ 1's
// d[16][8] += a[16][depth] b[depth][8] of one warp; depth is 8 with TF32, 16 else
cudaError_t launchProduct(const cudaLaunchConfig_t& config, Product product, const float* a,
                          const float* b, float* d);
// The registers that four matrices, and four transposed ones, are loaded into: out[8][32]
cudaError_t launchLoadMatrices(const cudaLaunchConfig_t& config, const uint16_t* in, uint32_t* out);
// Copies in[0 to 4 * threads) to shared memory beside the threads, and from there to out; 16 bytes
// a thread, or 4 with `single`. Threads from `valid` on copy nothing; `groups`: how many of two
// halves are waited for.
cudaError_t launchCopies(const cudaLaunchConfig_t& config, const float* in, float* out, int valid,
                         int groups, bool single);
// out[5][count]: the bits of BFloat16, of Half and of TF32, and the bits of the first two as float
cudaError_t launchConvert(const cudaLaunchConfig_t& config, const float* in, uint32_t* out,
                          int count);
// Half of a warp waits for the block, the other half for the warp.
cudaError_t launchDivergent(const cudaLaunchConfig_t& config, bool sameWarp);
cudaError_t launchMixedBarriers(const cudaLaunchConfig_t& config);
cudaError_t launchEarly(const cudaLaunchConfig_t& config, bool await, const float* in, float* out);

// For what is asked about kernels, and not by launching them.
cudaError_t allowShared(int bytes);  // for launchFresh
cudaError_t countBlocks(int* blocks, int threads, size_t sharedBytes);

}  // namespace sluice::test
