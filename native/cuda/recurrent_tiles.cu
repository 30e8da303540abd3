#include "cuda/recurrent_step.h"

namespace sluice::cuda {
namespace {

// Multiprocessors of a large device. Were there fewer, tiles would only be smaller than they need
// be; were it asked for, what explain() says would change with the machine.
constexpr int64_t kMultiprocessors = 132;

constexpr const char* kHow[][3] = {
    {"a kernel a step, FMA, 16 rows a block, depth split", "a kernel a step, FMA, 32 rows a block",
     "a kernel a step, FMA, 64 rows a block"},
    {"a kernel a step, TF32, 16 rows a block, depth split",
     "a kernel a step, TF32, 64 rows a block", "a kernel a step, TF32, 128 rows a block"},
    {"a kernel a step, bfloat16, 16 rows a block, depth split",
     "a kernel a step, bfloat16, 64 rows a block", "a kernel a step, bfloat16, 128 rows a block"},
    {"a kernel a step, float16, 16 rows a block, depth split",
     "a kernel a step, float16, 64 rows a block", "a kernel a step, float16, 128 rows a block"}};

template <int kGates>
TileExtents extentsOf(StepTile tile, Precision precision) {
  return withTile<kGates>(tile, precision, [&](auto value) {
    using Tile = decltype(value);
    return TileExtents{Tile::kRows, Tile::kUnits,
                       kHow[static_cast<int>(precision)][static_cast<int>(tile)]};
  });
}

// What a block takes, as far as tiles differ: multiply-adds over how well the tile keeps the
// multiprocessor busy, or what is read where matrix instructions wait for that.
double blockCost(StepTile tile, const TileExtents& extents, int gates, Precision precision) {
  constexpr double kBusy[] = {0.45, 0.7, 0.9};
  const double rows = extents.rows, columns = extents.units * gates;
  if (precision != Precision::Float32) return rows + columns;
  return rows * columns / kBusy[static_cast<int>(tile)];
}

}  // namespace

TileExtents tileExtents(StepTile tile, int gates, Precision precision) noexcept {
  switch (gates) {
    case 1:
      return extentsOf<1>(tile, precision);
    case 2:
      return extentsOf<2>(tile, precision);
    case 3:
      return extentsOf<3>(tile, precision);
    default:
      return extentsOf<4>(tile, precision);
  }
}

StepTile chooseStepTile(const StepShape& shape) noexcept {
  StepTile best = StepTile::Few;
  double least = 0;
  for (const StepTile tile : {StepTile::Few, StepTile::Some, StepTile::Many}) {
    const TileExtents extents = tileExtents(tile, shape.gates, shape.precision);
    const int64_t blocks =
        divideUp(shape.rows, extents.rows) * divideUp(shape.units, extents.units);
    const double cost = static_cast<double>(divideUp(blocks, kMultiprocessors)) *
                        blockCost(tile, extents, shape.gates, shape.precision);
    if (tile != StepTile::Few && cost >= least) continue;
    best = tile;
    least = cost;
  }
  return best;
}

}  // namespace sluice::cuda
