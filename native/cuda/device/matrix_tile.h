// A tile of a step's product by the matrix instructions of warps, which hold kRowTiles times 16
// rows and all gates' share of the columns; where there are several ways, the warps of a way take
// other parts of the depth.
//
// In memory the columns of a tile are [kGates][kUnits][depth], rounded as the rows are. One step of
// the instruction takes 32 bytes of depth, whatever the format.
#pragma once

#include "cuda/device/formats.h"

namespace sluice::cuda {

template <class Format_, int kGates_, int kRowWarps, int kRowTiles, int kColumnWarps, int kUnits_,
          int kWays_, int kPartBytes_>
struct MatrixTile {
  using Format = Format_;
  using Operand = typename Format::Operand;
  static constexpr int kGates = kGates_, kUnits = kUnits_, kWays = kWays_;
  static constexpr int kPartBytes = kPartBytes_;
  static constexpr int kRows = kRowWarps * kRowTiles * 16;
  static constexpr int kColumns = kGates * kUnits;
  static constexpr int kThreads = kRowWarps * kColumnWarps * kWays * 32;
  static constexpr bool kDepthLast = true;
  static constexpr int kColumnTiles = kColumns / kColumnWarps / 8;
  static_assert(kColumns % (kColumnWarps * 8) == 0 && kPartBytes % 64 == 0);
  static constexpr int kRowBytes = kWays * kPartBytes + 16;  // 16 more: rows begin in other banks
  static constexpr int kColumnBytes = kColumns * kRowBytes;

  static __device__ void loadColumns(const Operand* columns, int way, int first, int depth,
                                     unsigned char* shared, int member, int members) {
    constexpr int kChunks = kPartBytes / 16, kElements = 16 / sizeof(Operand);
    for (int c = member; c < kColumns * kChunks; c += members) {
      const int column = c / kChunks, k = first + c % kChunks * kElements;
      const bool valid = k < depth;
      copyAsync16(shared + column * kRowBytes + way * kPartBytes + c % kChunks * 16,
                  valid ? columns + column * depth + k : columns, valid);
    }
  }

  float sums[kRowTiles][kColumnTiles][4];

  __device__ void clear() {
    for (auto& row : sums)
      for (auto& tile : row)
        for (float& sum : tile) sum = 0;
  }
  __device__ void add(const MatrixTile& other) {
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r)
#pragma unroll
      for (int c = 0; c < kColumnTiles; ++c)
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[r][c][i] += other.sums[r][c][i];
  }

  static __device__ int warp() { return threadIdx.x / 32; }
  static __device__ int lane() { return threadIdx.x % 32; }
  static __device__ int way() { return warp() / (kRowWarps * kColumnWarps); }
  static __device__ int firstRow() { return warp() / kColumnWarps % kRowWarps * kRowTiles * 16; }
  static __device__ int firstColumn() { return warp() % kColumnWarps * kColumnTiles * 8; }

  __device__ void multiply(const unsigned char* rows, const unsigned char* columns) {
    // What the lane names for loadMatrices4: of rows two times eight and both halves of a step, of
    // columns eight and both halves of two steps.
    const unsigned char* a =
        rows + (firstRow() + lane() % 16) * kRowBytes + way() * kPartBytes + lane() / 16 * 16;
    const unsigned char* b =
        columns + (firstColumn() + lane() % 8) * kRowBytes + way() * kPartBytes + lane() / 8 * 16;
#pragma unroll
    for (int k = 0; k < kPartBytes; k += 64) {
      uint32_t right[2][kColumnTiles][2];
#pragma unroll
      for (int c = 0; c < kColumnTiles; ++c) {
        uint32_t four[4];
        loadMatrices4(four, b + c * 8 * kRowBytes + k);
        right[0][c][0] = four[0], right[0][c][1] = four[1];
        right[1][c][0] = four[2], right[1][c][1] = four[3];
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int r = 0; r < kRowTiles; ++r) {
          uint32_t left[4];
          loadMatrices4(left, a + r * 16 * kRowBytes + k + half * 32);
#pragma unroll
          for (int c = 0; c < kColumnTiles; ++c) Format::multiply(sums[r][c], left, right[half][c]);
        }
      }
    }
  }

  // To [kRows][kColumns].
  __device__ void store(float* to) const {
    const int row = firstRow() + lane() / 4, column = firstColumn() + lane() % 4 * 2;
#pragma unroll
    for (int r = 0; r < kRowTiles; ++r)
#pragma unroll
      for (int c = 0; c < kColumnTiles; ++c)
#pragma unroll
        for (int half = 0; half < 2; ++half)
          *reinterpret_cast<float2*>(to + (row + r * 16 + half * 8) * kColumns + column + c * 8) =
              make_float2(sums[r][c][half * 2], sums[r][c][half * 2 + 1]);
  }
};

}  // namespace sluice::cuda
