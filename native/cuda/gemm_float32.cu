// Matrix products in float32. Factors stand in shared memory with k slowest, so that a thread reads
// neighbours in rows and in columns as vectors; each sum runs over k from the first to the last
// step, one fused multiplication and addition at a time.
#include "cuda/device/intrinsics.h"
#include "cuda/gemm_tiles.h"

namespace sluice::cuda {
namespace {

constexpr int kDepth = 16;

// A warp's lanes stand in 4 rows of 8, each with Rows x Columns sums: groups of neighbours, four at
// most, so that the lanes' groups lie side by side.
template <int WarpRows, int WarpColumns, int Rows, int Columns, int Stages>
struct Shape {
  static constexpr int kLaneRows = 4, kLaneColumns = 8;
  static constexpr int kRows = Rows, kColumns = Columns, kStages = Stages;
  static constexpr int kWarpColumns = WarpColumns;
  static constexpr int kTileRows = WarpRows * kLaneRows * Rows;
  static constexpr int kTileColumns = WarpColumns * kLaneColumns * Columns;
  static constexpr int kThreads = 32 * WarpRows * WarpColumns;
  // Steps at once: with more than one the largest tile's factors leave its sums too few registers.
  static constexpr int kUnroll = Rows * Columns < 64 ? kDepth : 1;
  // Behind each step of k 4 floats, which let the lanes of a transposing copy meet all banks.
  static constexpr int kStepA = kTileRows + 4, kStepB = kTileColumns + 4;
  static constexpr int kStage = kDepth * (kStepA + kStepB);
  static constexpr size_t kSharedBytes = size_t{4} * kStage * kStages;
  static constexpr TileShape kTile{kTileRows, kTileColumns};
};

// kDepth steps of k of Extent rows of a (or columns of b) to shared[k][i]. AlongK: k is what is
// contiguous in memory.
template <bool AlongK, int Extent, int Threads>
__device__ void copyFactor(float* shared, const Block& block) {
  constexpr int kStep = Extent + 4;
  const int thread = static_cast<int>(threadIdx.x);
  if constexpr (AlongK) {
    // A warp takes 8 steps of 4 rows: whole sectors of memory, and each element a bank of its own.
    constexpr int kRowsAtOnce = Threads / 8;
    static_assert(Extent % kRowsAtOnce == 0);
    const int row = thread / 8, k = thread % 8;
    const float* from = block.at(row, k);
    float* to = shared + k * kStep + row;
#pragma unroll
    for (int i = 0; i < Extent; i += kRowsAtOnce) {
#pragma unroll
      for (int j = 0; j < kDepth; j += 8)
        copyAsync4(to + j * kStep + i, from + j, block.holds(row + i, k + j));
      from += static_cast<int64_t>(kRowsAtOnce) * block.stride;
    }
  } else if (block.wide) {
#pragma unroll
    for (int i = 0; i < kDepth * Extent / 4; i += Threads) {
      const int at = i + thread;
      if (kDepth * Extent / 4 < Threads && at >= kDepth * Extent / 4) break;
      const int k = at / (Extent / 4), column = at % (Extent / 4) * 4;
      copyAsync16(shared + k * kStep + column, block.at(k, column), block.holds(k, column));
    }
  } else {
#pragma unroll 1
    for (int at = thread; at < kDepth * Extent; at += Threads) {
      const int k = at / Extent, column = at % Extent;
      copyAsync4(shared + k * kStep + column, block.at(k, column), block.holds(k, column));
    }
  }
}

template <int N>
__device__ void loadGroup(float* to, const float* from) {
  static_assert(N == 2 || N == 4);
  if constexpr (N == 4) {
    const float4 v = *reinterpret_cast<const float4*>(from);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  } else {
    const float2 v = *reinterpret_cast<const float2*>(from);
    to[0] = v.x, to[1] = v.y;
  }
}

template <typename S, bool TransposeA, bool TransposeB>
__global__ void __launch_bounds__(S::kThreads, S::kThreads == 256 ? 2 : 4)
    float32Kernel(const __grid_constant__ TiledProduct all) {
  constexpr int kGroupRows = S::kRows < 4 ? S::kRows : 4;
  constexpr int kGroupColumns = S::kColumns < 4 ? S::kColumns : 4;
  float* shared = sharedMemory<float>();
  const TilePlace place(all, S::kTileRows, S::kTileColumns);
  const auto copyStage = [&](int at) {
    float* stage = shared + at / kDepth % S::kStages * S::kStage;
    if (at < place.depth) {
      copyFactor<!TransposeA, S::kTileRows, S::kThreads>(
          stage, place.template blockOfA<TransposeA>(all, at));
      copyFactor<TransposeB, S::kTileColumns, S::kThreads>(
          stage + kDepth * S::kStepA, place.template blockOfB<TransposeB>(all, at));
    }
    commitCopies();
  };
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  // Where the lane's first groups stand within the tile, and how far apart the groups are.
  constexpr int kRowStride = S::kLaneRows * kGroupRows;
  constexpr int kColumnStride = S::kLaneColumns * kGroupColumns;
  const int row = warp / S::kWarpColumns * S::kLaneRows * S::kRows + lane / 8 * kGroupRows;
  const int column =
      warp % S::kWarpColumns * S::kLaneColumns * S::kColumns + lane % 8 * kGroupColumns;
  float sums[S::kRows][S::kColumns] = {};
#pragma unroll
  for (int i = 0; i < S::kStages - 1; ++i) copyStage(i * kDepth);
  for (int at = 0; at < place.depth; at += kDepth) {
    waitCopies<S::kStages - 2>();
    __syncthreads();
    copyStage(at + (S::kStages - 1) * kDepth);
    const float* a = shared + at / kDepth % S::kStages * S::kStage;
    const float* b = a + kDepth * S::kStepA;
#pragma unroll(S::kUnroll)
    for (int k = 0; k < kDepth; ++k) {
      float fromA[S::kRows], fromB[S::kColumns];
#pragma unroll
      for (int i = 0; i < S::kRows; i += kGroupRows)
        loadGroup<kGroupRows>(fromA + i, a + k * S::kStepA + row + i / kGroupRows * kRowStride);
#pragma unroll
      for (int j = 0; j < S::kColumns; j += kGroupColumns)
        loadGroup<kGroupColumns>(fromB + j,
                                 b + k * S::kStepB + column + j / kGroupColumns * kColumnStride);
#pragma unroll
      for (int i = 0; i < S::kRows; ++i)
#pragma unroll
        for (int j = 0; j < S::kColumns; ++j) sums[i][j] = fmaf(fromA[i], fromB[j], sums[i][j]);
    }
  }
  waitCopies<0>();
#pragma unroll
  for (int i = 0; i < S::kRows; ++i) {
    const int r = place.row + row + i / kGroupRows * kRowStride + i % kGroupRows;
#pragma unroll
    for (int j = 0; j < S::kColumns; j += kGroupColumns) {
      const int c = place.column + column + j / kGroupColumns * kColumnStride;
      leaveGroup<kGroupColumns>(all, place.c, r, c, sums[i] + j);
    }
  }
}

// From the largest to the smallest; for few rows one that is not higher than it must be.
using Large = Shape<4, 2, 8, 8, 2>;   // 128 x 128
using Middle = Shape<2, 2, 8, 4, 3>;  // 64 x 64
using Small = Shape<2, 2, 4, 2, 4>;   // 32 x 32
using Flat = Shape<1, 4, 4, 2, 4>;    // 16 x 64

template <typename S, bool TransposeA, bool TransposeB>
int32_t launchTiles(const OpCall& call, TiledProduct all) noexcept {
  const auto blocks = static_cast<unsigned>(cut(all, S::kTile));
  return launch(call, float32Kernel<S, TransposeA, TransposeB>,
                {dim3(blocks), dim3(S::kThreads), S::kSharedBytes}, all);
}

template <typename S>
int32_t launchShape(const OpCall& call, const TiledProduct& all) noexcept {
  const Product& p = all.product;
  if (p.transposeA)
    return p.transposeB ? launchTiles<S, true, true>(call, all)
                        : launchTiles<S, true, false>(call, all);
  return p.transposeB ? launchTiles<S, false, true>(call, all)
                      : launchTiles<S, false, false>(call, all);
}

}  // namespace

int32_t multiplyFloat32(const OpCall& call, const TiledProduct& all) noexcept {
  if (all.product.m <= Flat::kTileRows) return launchShape<Flat>(call, all);
  constexpr TileShape kShapes[] = {Large::kTile, Middle::kTile, Small::kTile};
  switch (tileFor(kShapes, all, multiprocessors(call))) {
    case 0:
      return launchShape<Large>(call, all);
    case 1:
      return launchShape<Middle>(call, all);
    default:
      return launchShape<Small>(call, all);
  }
}

}  // namespace sluice::cuda
