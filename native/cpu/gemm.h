// Matrix products whose rows do not depend on each other.
//
// Every element of C is one chain of fused multiply-adds over k, in ascending order, from the same
// start, whatever the number of rows, the place of the row, the tile it falls into, the thread that
// computes it. So a row's bits depend on that row and on the weights alone. (Where the machine has
// no fused operation, a product and a sum stand for it, in the same order.)
//
// B comes packed (pack.h): [panel][k][kPanelVectors * lanes], lanes being the floats of a vector on
// this machine; columns are padded with zeros to whole vectors, and the last panel may have fewer.
#pragma once

#include <cstdint>
#include <limits>

#include "cpu/parallel.h"
#include "cpu/tile.h"

namespace sluice::cpu {

// C [rows,n] = start + A [rows,k] B. The rows may come in two levels: `outer` groups of `rows`
// each.
struct Product {
  const float* a = nullptr;
  int64_t lda = 0;    // between rows; may be negative
  int64_t aStep = 1;  // between one k and the next
  const float* b = nullptr;
  float* c = nullptr;
  int64_t ldc = 0;
  int64_t rows = 0;
  int64_t k = 0;
  int64_t n = 0;      // columns of C; nothing beyond them is touched
  int64_t first = 0;  // the columns that are wanted
  int64_t last = std::numeric_limits<int64_t>::max();
  // Where every row starts, padded to whole vectors. Null: from what C holds, or from zero.
  const float* start = nullptr;
  bool accumulate = false;
  int64_t outer = 1;
  int64_t outerA = 0;  // between groups
  int64_t outerC = 0;

  // Of these columns alone; they begin and end at a vector or at the end.
  Product columns(const Range& range) const {
    Product part = *this;
    part.first = range.begin;
    part.last = range.end;
    return part;
  }
};

// On the calling thread.
void multiply(const Product& product) noexcept;
// Rows, or the columns of a few rows, spread over threads.
void multiply(int threads, const Product& product) noexcept;

// How the latter does it with at most `threads`.
struct ProductSplit {
  int threads;
  bool byRows;  // else by columns
};
ProductSplit splitOf(int threads, const Product& product) noexcept;

}  // namespace sluice::cpu
