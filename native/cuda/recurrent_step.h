// The kernel of a recurrence's step: a product, and what follows it unit by unit. Its tiles by name
// are here; a cell's file makes the kernels that it needs.
#pragma once

#include "cuda/device/float_tile.h"
#include "cuda/device/matrix_tile.h"
#include "cuda/device/recurrent_forward.h"
#include "cuda/device/step_product.h"
#include "cuda/launch.h"
#include "cuda/recurrent_tiles.h"

namespace sluice::cuda {

// Whether a step's kernel begins while the one in front of it ends (Grid::overlaps). It is correct
// either way; what it brings has not been measured.
constexpr bool kStepsOverlap = false;

// With one column a unit a tile takes twice the units.
template <int kGates>
constexpr int kUnitFactor = kGates == 1 ? 2 : 1;

template <class Format, int kGates, StepTile kTile>
struct StepTiles {
  using Type = MatrixTile<Format, kGates,
                          kTile == StepTile::Many   ? 4
                          : kTile == StepTile::Some ? 2
                                                    : 1,
                          kTile == StepTile::Few ? 1 : 2, kTile == StepTile::Few ? 1 : 2,
                          kTile == StepTile::Few ? 8 : 32 * kUnitFactor<kGates>,
                          kTile == StepTile::Few ? 8 : 1, kTile == StepTile::Few ? 64 : 128>;
};
template <int kGates>
struct StepTiles<Float32Format, kGates, StepTile::Few> {
  using Type = FloatTile<kGates, 16, 1, 1, 1, 16, 64>;
};
template <int kGates>
struct StepTiles<Float32Format, kGates, StepTile::Some> {
  using Type = FloatTile<kGates, 8, 4, 4, kUnitFactor<kGates>, 4, 64>;
};
template <int kGates>
struct StepTiles<Float32Format, kGates, StepTile::Many> {
  using Type = FloatTile<kGates, 16, 4, 8, kUnitFactor<kGates>, 1, 128>;
};

// body(tile) with a value of the tile's type.
template <int kGates, class Format, class Body>
auto withTileOf(StepTile tile, Body&& body) {
  switch (tile) {
    case StepTile::Few:
      return body(typename StepTiles<Format, kGates, StepTile::Few>::Type());
    case StepTile::Some:
      return body(typename StepTiles<Format, kGates, StepTile::Some>::Type());
    case StepTile::Many:
      break;
  }
  return body(typename StepTiles<Format, kGates, StepTile::Many>::Type());
}
template <int kGates, class Body>
auto withTile(StepTile tile, Precision precision, Body&& body) {
  return withFormat(precision,
                    [&](auto format) { return withTileOf<kGates, decltype(format)>(tile, body); });
}

// Blocks that a multiprocessor is to hold at once. Left to itself the compiler spills registers to
// hold more.
template <class Tile>
constexpr int kBlocksOf = Tile::kThreads == 256                   ? (Tile::kWays > 1 ? 2 : 1)
                          : Tile::kGates == 4 || Tile::kDepthLast ? 2
                                                                  : 3;

template <class Tile, class Tail>
__global__ void __launch_bounds__(Tile::kThreads, kBlocksOf<Tile>)
    stepKernel(StepFactors<typename Tile::Format::Operand> factors, Tail tail) {
  releaseDependents();
  const int64_t rowTile = blockIdx.x, unitTile = blockIdx.y;
  StepProduct<Tile> product(factors, rowTile, unitTile, sharedMemory<unsigned char>());
  product.loadFirstColumns();
  awaitPrimary();
  product.loadFirstRows();
  constexpr int kElements = Tile::kRows * Tile::kUnits;
  const int64_t firstRow = rowTile * Tile::kRows;
  const int32_t firstUnit = static_cast<int32_t>(unitTile) * Tile::kUnits;
  const auto inside = [&](int element) {
    return element / Tile::kUnits < product.rowCount() &&
           firstUnit + element % Tile::kUnits < tail.step.H;
  };
  // Where a thread has one element, what it needs is under way during the product.
  constexpr bool kEarly = kElements <= Tile::kThreads;
  const int own = threadIdx.x;
  typename Tail::Inputs early{};
  if (kEarly && own < kElements && inside(own))
    early = tail.load(firstRow + own / Tile::kUnits, firstUnit + own % Tile::kUnits);
  const float* sums = product.run();
#pragma unroll 1
  for (int element = own; element < kElements; element += Tile::kThreads) {
    if (!inside(element)) continue;
    const int row = element / Tile::kUnits, unit = element % Tile::kUnits;
    tail.template finish<Tile::kUnits>(
        firstRow + row, firstUnit + unit, sums + row * Tile::kColumns + unit,
        kEarly ? early : tail.load(firstRow + row, firstUnit + unit));
  }
}

// What stands in front of a step's product, and what the step leaves.
struct StepOperands {
  const void* rows = nullptr;
  const void* columns = nullptr;
  void* next = nullptr;
  int64_t count = 0;
  int32_t depth = 0;
  int32_t ld = 0;  // of rows
  int32_t nextLd = 0, plane = 0;
  bool overlaps = false;  // it may begin before the step in front of it has ended
};

template <class Tile, class Tail>
int32_t launchTail(const OpCall& call, Tile, const StepOperands& operands,
                   const Tail& tail) noexcept {
  using Operand = typename Tile::Format::Operand;
  const StepFactors<Operand> factors{static_cast<const Operand*>(operands.rows),
                                     static_cast<const Operand*>(operands.columns), operands.count,
                                     operands.depth, operands.ld};
  Grid grid{dim3(static_cast<unsigned>(divideUp(operands.count, Tile::kRows)),
                 static_cast<unsigned>(divideUp(tail.step.H, Tile::kUnits))),
            dim3(Tile::kThreads), StepProduct<Tile>::kSharedBytes};
  static std::atomic<uint64_t> allowed = 0;
  grid.allowed = &allowed;
  grid.overlaps = operands.overlaps;
  return launch(call, stepKernel<Tile, Tail>, grid, factors, tail);
}

template <class Format>
StepOperand<Format> nextOperand(const StepOperands& operands) {
  return {static_cast<typename Format::Operand*>(operands.next), operands.nextLd, operands.plane};
}

template <template <class, class> class Tail, class Cell, class Tile, class Step>
int32_t launchTile(const OpCall& call, Tile tile, const StepOperands& operands,
                   const Step& step) noexcept {
  using Format = typename Tile::Format;
  return launchTail(call, tile, operands, Tail<Cell, Format>{step, nextOperand<Format>(operands)});
}

template <int kGates, template <class, class> class Tail, class Cell, class Step>
int32_t launchStep(const OpCall& call, StepTile which, const StepOperands& operands,
                   const Step& step) noexcept {
  return withTile<kGates>(which, call.context->precision, [&](auto tile) {
    return launchTile<Tail, Cell>(call, tile, operands, step);
  });
}

}  // namespace sluice::cuda
