// Matrix products of factors in less than float32, by the products of warps (mma.sync). Factors are
// rounded on the way into shared memory, where they lie as they do in global memory; sums are
// float32 and run over k from the first to the last step.
#include "cuda/device/intrinsics.h"
#include "cuda/gemm_tiles.h"

namespace sluice::cuda {
namespace {

// --- the formats: how elements are kept, and the product of a warp ------------------------------

struct TensorFloat {
  using Element = uint32_t;
  static constexpr int kDepth = 16;  // steps of k of a stage
  static constexpr int kStep = 8;    // and of a product
  static __device__ void keep(Element* to, const float (&v)[4]) {
    *reinterpret_cast<uint4*>(to) =
        make_uint4(toTf32(v[0]), toTf32(v[1]), toTf32(v[2]), toTf32(v[3]));
  }
  static __device__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    multiplyTf32(d, a, b);
  }
};

struct SixteenBits {
  using Element = uint16_t;
  static constexpr int kDepth = 32;
  static constexpr int kStep = 16;
};
struct Brain : SixteenBits {
  static __device__ void keep(Element* to, const float (&v)[4]) {
    *reinterpret_cast<uint2*>(to) = make_uint2(packBFloat16(v[0], v[1]), packBFloat16(v[2], v[3]));
  }
  static __device__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    multiplyBFloat16(d, a, b);
  }
};
struct HalfFloat : SixteenBits {
  static __device__ void keep(Element* to, const float (&v)[4]) {
    *reinterpret_cast<uint2*>(to) = make_uint2(packHalf(v[0], v[1]), packHalf(v[2], v[3]));
  }
  static __device__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    multiplyHalf(d, a, b);
  }
};

// --- a factor's part of a stage -----------------------------------------------------------------

// Extent rows of a, or columns of b, by the format's depth. AlongK: k is what is contiguous.
template <typename Format, bool AlongK, int Extent, int Threads>
struct Factor {
  using Element = typename Format::Element;
  static constexpr int kRows = AlongK ? Extent : Format::kDepth;
  static constexpr int kColumns = AlongK ? Format::kDepth : Extent;
  // 16 bytes behind each row, or two more where single words are read, let a warp meet all banks.
  static constexpr int kStride =
      kColumns + (!AlongK && sizeof(Element) == 4 ? 8 : static_cast<int>(16 / sizeof(Element)));
  static constexpr int kElements = kRows * kStride;
  static constexpr int kVectors = kRows * kColumns / 4 / Threads;
  static_assert(kRows * kColumns % (4 * Threads) == 0);

  // What the thread brings of the next stage, until the present one is done.
  float held[kVectors][4];

  __device__ void fetch(const Block& block) {
    const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      const int at = i * Threads + thread;
      const int row = at / (kColumns / 4), column = at % (kColumns / 4) * 4;
      const float* from = block.at(row, column);
      float4 v = make_float4(0, 0, 0, 0);
      if (block.wide) {
        if (block.holds(row, column)) v = *reinterpret_cast<const float4*>(from);
      } else {
        if (block.holds(row, column)) v.x = from[0];
        if (block.holds(row, column + 1)) v.y = from[1];
        if (block.holds(row, column + 2)) v.z = from[2];
        if (block.holds(row, column + 3)) v.w = from[3];
      }
      held[i][0] = v.x, held[i][1] = v.y, held[i][2] = v.z, held[i][3] = v.w;
    }
  }
  __device__ void keep(Element* shared) const {
    const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      const int at = i * Threads + thread;
      const int row = at / (kColumns / 4), column = at % (kColumns / 4) * 4;
      Format::keep(shared + row * kStride + column, held[i]);
    }
  }

  // Four registers of fragments: 16 rows of a from `first` on, or two times 8 columns of b, and one
  // step from k on. Of a the second register is 8 rows further, the third half a step; of b the
  // other way round.
  template <bool OfA>
  static __device__ void load(uint32_t (&r)[4], const Element* shared, int first, int k) {
    constexpr int kHalf = Format::kStep / 2;
    const int lane = static_cast<int>(threadIdx.x % 32), low = lane % 8;
    // The matrix whose row this lane names: its place along the extent and along k, in halves.
    const int second = lane / 8 % 2, third = lane / 16;
    const int along = OfA ? second : third, deep = OfA ? third : second;
    if constexpr (AlongK) {
      loadMatrices4(r, shared + (first + along * 8 + low) * kStride + k + deep * kHalf);
    } else if constexpr (sizeof(Element) == 2) {
      loadMatrices4Transposed(r, shared + (k + deep * 8 + low) * kStride + first + along * 8);
    } else {
      const int group = lane / 4, member = lane % 4;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int right = OfA ? i % 2 : i / 2, down = OfA ? i / 2 : i % 2;
        r[i] = shared[(k + down * 4 + member) * kStride + first + right * 8 + group];
      }
    }
  }
};

// --- the kernel ---------------------------------------------------------------------------------

// Warps stand in WarpRows rows; each has Rows x Columns products of 16 x 8.
template <int WarpRows, int WarpColumns, int Rows, int Columns>
struct Shape {
  static constexpr int kRows = Rows, kColumns = Columns, kWarpColumns = WarpColumns;
  static constexpr int kWarpTileRows = Rows * 16, kWarpTileColumns = Columns * 8;
  static constexpr int kThreads = 32 * WarpRows * WarpColumns;
  static constexpr TileShape kTile{WarpRows * kWarpTileRows, WarpColumns* kWarpTileColumns};
};

template <typename Format, typename S, bool TransposeA, bool TransposeB>
struct Stage {
  using A = Factor<Format, !TransposeA, S::kTile.rows, S::kThreads>;
  using B = Factor<Format, TransposeB, S::kTile.columns, S::kThreads>;
  static constexpr int kElements = A::kElements + B::kElements;
  static constexpr size_t kSharedBytes = 2 * kElements * sizeof(typename Format::Element);
};

template <typename Format, typename S, bool TransposeA, bool TransposeB>
__global__ void __launch_bounds__(S::kThreads)
    roundedKernel(const __grid_constant__ TiledProduct all) {
  using Parts = Stage<Format, S, TransposeA, TransposeB>;
  using Element = typename Format::Element;
  Element* shared = sharedMemory<Element>();
  const TilePlace place(all, S::kTile.rows, S::kTile.columns);
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int row = warp / S::kWarpColumns * S::kWarpTileRows;
  const int column = warp % S::kWarpColumns * S::kWarpTileColumns;
  typename Parts::A a;
  typename Parts::B b;
  const auto fetch = [&](int at) {
    a.fetch(place.template blockOfA<TransposeA>(all, at));
    b.fetch(place.template blockOfB<TransposeB>(all, at));
  };
  float sums[S::kRows][S::kColumns][4] = {};
  if (place.depth > 0) fetch(0);
  for (int at = 0; at < place.depth; at += Format::kDepth) {
    Element* stage = shared + at / Format::kDepth % 2 * Parts::kElements;
    a.keep(stage);
    b.keep(stage + Parts::A::kElements);
    // Who is still at the stage before does not read this one, and there are two.
    __syncthreads();
    if (at + Format::kDepth < place.depth) fetch(at + Format::kDepth);
#pragma unroll
    for (int k = 0; k < Format::kDepth; k += Format::kStep) {
      uint32_t fromA[S::kRows][4], fromB[S::kColumns / 2][4];
#pragma unroll
      for (int i = 0; i < S::kRows; ++i)
        Parts::A::template load<true>(fromA[i], stage, row + i * 16, k);
#pragma unroll
      for (int j = 0; j < S::kColumns / 2; ++j)
        Parts::B::template load<false>(fromB[j], stage + Parts::A::kElements, column + j * 16, k);
#pragma unroll
      for (int i = 0; i < S::kRows; ++i)
#pragma unroll
        for (int j = 0; j < S::kColumns; ++j) {
          const uint32_t(&pair)[4] = fromB[j / 2];
          const uint32_t own[2] = {pair[j % 2 * 2], pair[j % 2 * 2 + 1]};
          Format::multiply(sums[i][j], fromA[i], own);
        }
    }
  }
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int i = 0; i < S::kRows; ++i)
#pragma unroll
    for (int j = 0; j < S::kColumns; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        leaveGroup<2>(all, place.c, place.row + row + i * 16 + half * 8 + lane / 4,
                      place.column + column + j * 8 + lane % 4 * 2, sums[i][j] + half * 2);
}

using Large = Shape<2, 4, 4, 4>;  // 128 x 128
using Small = Shape<2, 2, 2, 2>;  // 64 x 32

template <typename Format, typename S, bool TransposeA, bool TransposeB>
int32_t launchTiles(const OpCall& call, TiledProduct all) noexcept {
  const auto blocks = static_cast<unsigned>(cut(all, S::kTile));
  return launch(
      call, roundedKernel<Format, S, TransposeA, TransposeB>,
      {dim3(blocks), dim3(S::kThreads), Stage<Format, S, TransposeA, TransposeB>::kSharedBytes},
      all);
}

template <typename Format, typename S>
int32_t launchShape(const OpCall& call, const TiledProduct& all) noexcept {
  const Product& p = all.product;
  if (p.transposeA)
    return p.transposeB ? launchTiles<Format, S, true, true>(call, all)
                        : launchTiles<Format, S, true, false>(call, all);
  return p.transposeB ? launchTiles<Format, S, false, true>(call, all)
                      : launchTiles<Format, S, false, false>(call, all);
}

template <typename Format>
int32_t launchFormat(const OpCall& call, const TiledProduct& all) noexcept {
  constexpr TileShape kShapes[] = {Large::kTile, Small::kTile};
  return tileFor(kShapes, all, multiprocessors(call)) == 0 ? launchShape<Format, Large>(call, all)
                                                           : launchShape<Format, Small>(call, all);
}

}  // namespace

int32_t multiplyRounded(const OpCall& call, const TiledProduct& all) noexcept {
  switch (call.context->precision) {
    case Precision::TensorFloat32:
      return launchFormat<TensorFloat>(call, all);
    case Precision::BFloat16:
      return launchFormat<Brain>(call, all);
    default:
      return launchFormat<HalfFloat>(call, all);
  }
}

}  // namespace sluice::cuda
