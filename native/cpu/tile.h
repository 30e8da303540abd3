// The innermost loops of all matrix products: a tile of C that stays in registers while k runs.
#pragma once

#include <cstdint>

namespace sluice::cpu {

// Columns are packed in panels of three vectors: with four rows that fills the sixteen registers of
// AVX2, with eight the thirty-two of AVX-512, and it is one vector for each gate of a GRU. An
// LSTM's four gates make a wide panel, for fewer rows.
constexpr int64_t kPanelVectors = 3;
constexpr int64_t kWidePanelVectors = 4;
constexpr int64_t kMaxTileRows = 8;
constexpr int64_t kMaxTilePanels = 4;
constexpr int64_t kMaxLanes = 16;
constexpr int64_t kMaxPanel = kPanelVectors * kMaxLanes;
constexpr int64_t kMaxWidePanel = kWidePanelVectors * kMaxLanes;

// out = init + sum over k of a b, for the tile's groups. A group is a row (its own a, the panel
// shared) or, in the kernels for one row, a panel (its own b, the row shared). Distances are in
// floats.
struct TileArgs {
  const float* a;
  int64_t lda;    // between groups, if they are rows
  int64_t aStep;  // between one k and the next
  const float* b;
  int64_t ldb;  // between groups, if they are panels
  int64_t bStep;
  int64_t k;
  const float* init;  // of the first two vectors of a group
  int64_t ldInit;
  const float* init2;  // of its third vector, and of the fourth behind it
  int64_t ldInit2;
  float* out;  // may be init
  int64_t ldOut;
};
using TileKernel = void (*)(const TileArgs&);

// The kernels of the instruction set in use.
struct TileKernels {
  int64_t lanes;                                     // floats of a vector
  int64_t maxRows;                                   // rows of the largest tile,
  int64_t maxRowsWide;                               // of a wide panel
  TileKernel rows[kWidePanelVectors][kMaxTileRows];  // [vectors - 1][rows - 1]
  TileKernel panels[kMaxTilePanels];  // one row, [panels - 1] panels of three vectors

  int64_t maxRowsOf(int64_t vectors) const {
    return vectors > kPanelVectors ? maxRowsWide : maxRows;
  }
};
const TileKernels& tileKernels() noexcept;

// Rows in tiles of nearly equal height: a last tile of one row would leave the arithmetic units
// idle.
class RowTiles {
 public:
  RowTiles(int64_t rows, int64_t most) : rows_(rows), count_((rows + most - 1) / most) {}

  int64_t count() const { return count_; }
  int64_t begin(int64_t tile) const { return rows_ * tile / count_; }
  int64_t height(int64_t tile) const { return begin(tile + 1) - begin(tile); }
  int64_t tallest() const { return count_ > 0 ? (rows_ + count_ - 1) / count_ : 0; }

 private:
  int64_t rows_;
  int64_t count_;
};

inline int64_t roundUp(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace sluice::cpu
