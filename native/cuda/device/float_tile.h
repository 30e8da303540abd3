// A tile of a step's product by fused multiply-adds: kRows rows with kGates columns for each of
// kUnits units. Threads hold kRowsEach rows and kQuads fours of units with all their gates; where
// there are several ways, those of a way take other parts of the depth.
//
// In memory the columns of a tile are [depth][kGates][kUnits].
#pragma once

#include "cuda/device/formats.h"

namespace sluice::cuda {

template <int kGates_, int kRowThreads, int kRowsEach, int kUnitThreads, int kQuads, int kWays_,
          int kPartBytes_>
struct FloatTile {
  using Format = Float32Format;
  static constexpr int kGates = kGates_, kWays = kWays_, kPartBytes = kPartBytes_;
  static constexpr int kRows = kRowThreads * kRowsEach;
  static constexpr int kUnits = kUnitThreads * kQuads * 4;
  static constexpr int kColumns = kGates * kUnits;
  static constexpr int kThreads = kRowThreads * kUnitThreads * kWays;
  static constexpr bool kDepthLast = false;  // of the columns in memory
  static constexpr int kPart = kPartBytes / 4;
  static constexpr int kRowFloats = kWays * kPart + 4;  // four more: rows begin in other banks
  static constexpr int kRowBytes = kRowFloats * 4;
  static constexpr int kColumnBytes = kWays * kPart * kColumns * 4;

  // The columns' depth `part` of way `way` from first to first + kPart, as far as `depth` goes.
  static __device__ void loadColumns(const float* columns, int way, int first, int depth,
                                     unsigned char* shared, int member, int members) {
    constexpr int kChunks = kColumns / 4;
    float* to = reinterpret_cast<float*>(shared) + way * kPart * kColumns;
    for (int c = member; c < kPart * kChunks; c += members) {
      const bool valid = first + c / kChunks < depth;
      copyAsync16(to + c * 4, valid ? columns + first * kColumns + c * 4 : columns, valid);
    }
  }

  float sums[kRowsEach][kGates * kQuads][4];

  __device__ void clear() {
    for (auto& row : sums)
      for (auto& quad : row)
        for (float& sum : quad) sum = 0;
  }
  __device__ void add(const FloatTile& other) {
#pragma unroll
    for (int r = 0; r < kRowsEach; ++r)
#pragma unroll
      for (int c = 0; c < kGates * kQuads; ++c)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[r][c][i] += other.sums[r][c][i];
  }

  static __device__ int way() { return threadIdx.x / (kRowThreads * kUnitThreads); }
  static __device__ int row(int r) {
    return r * kRowThreads + threadIdx.x / kUnitThreads % kRowThreads;
  }
  static __device__ int column(int quad) {
    return quad / kQuads * kUnits +
           (quad % kQuads * kUnitThreads + static_cast<int>(threadIdx.x) % kUnitThreads) * 4;
  }

  // A part of each way's depth.
  __device__ void multiply(const unsigned char* rows, const unsigned char* columns) {
    const float* a = reinterpret_cast<const float*>(rows) + row(0) * kRowFloats + way() * kPart;
    const float* b = reinterpret_cast<const float*>(columns) + way() * kPart * kColumns + column(0);
#pragma unroll 4
    for (int k = 0; k < kPart; k += 4) {
      float left[kRowsEach][4];
#pragma unroll
      for (int r = 0; r < kRowsEach; ++r) {
        const float4 four = *reinterpret_cast<const float4*>(a + r * kRowThreads * kRowFloats + k);
        left[r][0] = four.x, left[r][1] = four.y, left[r][2] = four.z, left[r][3] = four.w;
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int c = 0; c < kGates * kQuads; ++c) {
          const float4 right = *reinterpret_cast<const float4*>(
              b + (k + i) * kColumns + c / kQuads * kUnits + c % kQuads * kUnitThreads * 4);
#pragma unroll
          for (int r = 0; r < kRowsEach; ++r) {
            sums[r][c][0] = fmaf(left[r][i], right.x, sums[r][c][0]);
            sums[r][c][1] = fmaf(left[r][i], right.y, sums[r][c][1]);
            sums[r][c][2] = fmaf(left[r][i], right.z, sums[r][c][2]);
            sums[r][c][3] = fmaf(left[r][i], right.w, sums[r][c][3]);
          }
        }
      }
    }
  }

  // To [kRows][kColumns].
  __device__ void store(float* to) const {
#pragma unroll
    for (int r = 0; r < kRowsEach; ++r)
#pragma unroll
      for (int c = 0; c < kGates * kQuads; ++c)
        *reinterpret_cast<float4*>(to + row(r) * kColumns + column(c)) =
            make_float4(sums[r][c][0], sums[r][c][1], sums[r][c][2], sums[r][c][3]);
  }
};

}  // namespace sluice::cuda
