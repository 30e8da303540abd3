#include "cuda/kernels.h"
#include "cuda/move.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

constexpr int kTile = 32, kTileRows = 8;  // threads of a block

// Two axes of y that change places in memory: y's last one, and the one along which x lies side by
// side. The others are counted through.
struct Turn {
  Axes x, y;             // of the others
  int64_t down, across;  // extents: along y's last axis, along x's
  int64_t xStep, yStep;  // from one to the next of them: x along y's last axis, y along x's
  int64_t tiles() const { return divideUp(down, kTile) * divideUp(across, kTile); }
};

// Through shared memory, so that both sides are read and written side by side.
template <typename Unit>
__global__ void __launch_bounds__(kTile* kTileRows, 4)
    turnKernel(const Unit* x, Unit* y, Turn turn, int64_t tilesAcross) {
  __shared__ Unit tile[kTile][kTile + 1];
  const int64_t down = blockIdx.x / tilesAcross * kTile, across = blockIdx.x % tilesAcross * kTile;
  for (int64_t other = blockIdx.y; other < turn.x.count; other += gridDim.y) {
    const Unit* from = x + turn.x.at(other);
    Unit* to = y + turn.y.at(other);
    __syncthreads();
    for (int r = static_cast<int>(threadIdx.y); r < kTile; r += kTileRows)
      if (down + r < turn.down && across + threadIdx.x < turn.across)
        tile[r][threadIdx.x] = from[(down + r) * turn.xStep + across + threadIdx.x];
    __syncthreads();
    for (int r = static_cast<int>(threadIdx.y); r < kTile; r += kTileRows)
      if (across + r < turn.across && down + threadIdx.x < turn.down)
        to[(across + r) * turn.yStep + down + threadIdx.x] = tile[threadIdx.x][r];
  }
}

struct Permute {
  template <typename Unit>
  static int32_t run(const OpCall& call) noexcept {
    const auto& axes = call.attr<PermuteAttributes>().axes;
    const Shape &from = call.in[permute::kX].shape, &shape = call.out[permute::kY].shape;
    const auto* x = input<Unit>(call, permute::kX);
    auto* y = output<Unit>(call, permute::kY);
    if (shape.elements() == 0) return 0;
    const Strides strides(from);
    Axes source;  // of x, as y's elements are counted through
    for (int d = 0; d < shape.rank; ++d) source.append(shape[d], strides.of[axes[d]]);
    const int last = source.rank - 1;
    int lying = last;  // the axis along which x lies side by side
    for (int d = 0; d < source.rank; ++d)
      if (source.stride[d] == 1) lying = d;
    if (lying == last) {
      const int64_t width = source.run();
      Axes rows = source;
      if (last >= 0 && width > 1) rows.rank = last;
      return forEachOfRows(call, shape.elements() / width, width,
                           [=] __device__(int64_t row, int64_t column) {
                             y[row * width + column] = x[rows.at(row) + column];
                           });
    }
    Turn turn{};
    turn.x.count = turn.y.count = 1;
    int64_t stride = 1;  // of y
    int64_t yStrides[kMaxRank];
    for (int d = last; d >= 0; --d) {
      yStrides[d] = stride;
      stride *= source.extent[d];
    }
    for (int d = 0; d < last; ++d) {
      if (d == lying) continue;
      turn.x.append(source.extent[d], source.stride[d]);
      turn.y.append(source.extent[d], yStrides[d]);
    }
    turn.down = source.extent[last];
    turn.across = source.extent[lying];
    turn.xStep = source.stride[last];
    turn.yStep = yStrides[lying];
    constexpr int64_t kMostBlocks = 65535;  // along y
    const Grid grid{dim3(static_cast<unsigned>(turn.tiles()),
                         static_cast<unsigned>(std::min(turn.x.count, kMostBlocks))),
                    dim3(kTile, kTileRows)};
    return launch(call, turnKernel<Unit>, grid, x, y, turn, divideUp(turn.across, kTile));
  }
};

}  // namespace

Kernel permuteKernel() { return {.name = "cuda.permute", .launch = ofAnyType<Permute>}; }

}  // namespace sluice::cuda
