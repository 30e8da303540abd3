#include "cpu/gemm.h"

#include <algorithm>

#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

// A block of A of this many rows and k stays in the second-level cache while all panels pass; a
// panel of this many k, 24 or 48 KiB, in the first or second while the rows pass.
constexpr int64_t kRowBlock = 192;
constexpr int64_t kDepthBlock = 256;

alignas(64) constexpr float kZeros[kMaxPanel] = {};

class Multiplication {
 public:
  explicit Multiplication(const Product& p)
      : p_(p),
        kernels_(tileKernels()),
        panel_(kPanelVectors * kernels_.lanes),
        last_(std::min(p.last, p.n)) {}

  // Those that hold wanted columns, from and to.
  int64_t firstPanel() const { return p_.first / panel_; }
  int64_t lastPanel() const { return (last_ + panel_ - 1) / panel_; }

  void run(int64_t panelBegin, int64_t panelEnd) const {
    if (p_.rows * p_.outer == 1 || p_.k == 0) {
      block(0, p_.rows, 0, p_.k, panelBegin, panelEnd);
      return;
    }
    const bool few = p_.rows * p_.outer <= kernels_.maxRows;
    const int64_t depth = few ? p_.k : kDepthBlock;
    for (int64_t row = 0; row < p_.rows; row += kRowBlock)
      for (int64_t k = 0; k < p_.k; k += depth)
        block(row, std::min(kRowBlock, p_.rows - row), k, std::min(depth, p_.k - k), panelBegin,
              panelEnd);
  }

 private:
  // The vectors of a panel that hold columns.
  int64_t vectorsOf(int64_t panel) const {
    const int64_t left = roundUp(p_.n - panel * panel_, kernels_.lanes) / kernels_.lanes;
    return std::min(left, kPanelVectors);
  }

  void block(int64_t row, int64_t rows, int64_t k, int64_t depth, int64_t panelBegin,
             int64_t panelEnd) const {
    const bool one = p_.rows * p_.outer == 1;
    const RowTiles tiles(rows, kernels_.maxRows);
    for (int64_t panel = panelBegin; panel < panelEnd;) {
      int64_t together = 1;
      if (one && p_.first <= panel * panel_) {
        const int64_t whole = std::min(last_ / panel_, panelEnd);
        together = std::clamp<int64_t>(whole - panel, 1, kMaxTilePanels);
      }
      for (int64_t group = 0; group < p_.outer; ++group) {
        for (int64_t tile = 0; tile < tiles.count(); ++tile) {
          const int64_t begin = row + tiles.begin(tile);
          piece(p_.a + group * p_.outerA + begin * p_.lda,
                p_.c + group * p_.outerC + begin * p_.ldc, tiles.height(tile), k, depth, panel,
                together);
        }
      }
      panel += together;
    }
  }

  // One panel, or for one row up to four, times one tile of rows.
  void piece(const float* a, float* c, int64_t rows, int64_t k, int64_t depth, int64_t panel,
             int64_t panels) const {
    const int64_t lanes = kernels_.lanes;
    const int64_t packedWidth = vectorsOf(panel) * lanes;
    const int64_t column = std::max(panel * panel_, p_.first);
    const int64_t end = std::min((panel + panels) * panel_, last_);
    const int64_t skipped = column - panel * panel_;
    const int64_t vectors = std::min(roundUp(end - column, lanes) / lanes, kPanelVectors);
    const int64_t width = vectors * lanes;
    TileArgs args{};
    args.a = a + k * p_.aStep;
    args.lda = p_.lda;
    args.aStep = p_.aStep;
    args.b = p_.b + panel * panel_ * p_.k + k * packedWidth + skipped;
    args.ldb = panel_ * p_.k;
    args.bStep = packedWidth;
    args.k = depth;
    args.out = c + column;
    args.ldOut = panels > 1 ? panel_ : p_.ldc;

    const bool fromC = k > 0 || (p_.accumulate && !p_.start);
    args.init = fromC ? args.out : p_.start ? p_.start + column : kZeros;
    args.ldInit = fromC ? args.ldOut : 0;
    if (panels > 1 && p_.start && !fromC) args.ldInit = panel_;

    alignas(64) float bounce[kMaxTileRows * kMaxPanel];
    const int64_t valid = end - column;
    const bool ragged = valid < (panels - 1) * panel_ + width;
    if (ragged) {
      if (fromC) {
        for (int64_t r = 0; r < rows; ++r) {
          std::copy_n(c + r * p_.ldc + column, valid, bounce + r * width);
          std::fill_n(bounce + r * width + valid, width - valid, 0.0f);
        }
        args.init = bounce;
        args.ldInit = width;
      }
      args.out = bounce;
      args.ldOut = width;
    }
    args.init2 = args.init + 2 * lanes;
    args.ldInit2 = args.ldInit;

    const TileKernel kernel =
        panels > 1 ? kernels_.panels[panels - 1] : kernels_.rows[vectors - 1][rows - 1];
    kernel(args);
    if (ragged)
      for (int64_t r = 0; r < rows; ++r)
        std::copy_n(bounce + r * width, valid, c + r * p_.ldc + column);
  }

  const Product& p_;
  const TileKernels& kernels_;
  const int64_t panel_;
  const int64_t last_;
};

}  // namespace

void multiply(const Product& product) noexcept {
  if (product.rows <= 0 || product.outer <= 0) return;
  if (product.first >= std::min(product.last, product.n)) return;
  const Multiplication work(product);
  work.run(work.firstPanel(), work.lastPanel());
}

ProductSplit splitOf(int threads, const Product& product) noexcept {
  // Below this many operations a thread is not worth its waking.
  constexpr int64_t kWorthAThread = 1 << 20;
  const int64_t operations = 2 * product.rows * product.outer * product.k * product.n;
  const int64_t useful = std::min<int64_t>(threads, operations / kWorthAThread);
  if (useful <= 1 || product.outer != 1) return {1, true};
  if (product.rows >= 4 * kMaxTileRows * useful) return {static_cast<int>(useful), true};
  const Multiplication work(product);
  return {static_cast<int>(std::min(useful, work.lastPanel() - work.firstPanel())), false};
}

void multiply(int threads, const Product& product) noexcept {
  const ProductSplit split = splitOf(threads, product);
  if (split.threads <= 1) return multiply(product);
  if (split.byRows) {
    parallelFor(split.threads, product.rows, kMaxTileRows, [&](int64_t begin, int64_t end) {
      Product part = product;
      part.a += begin * product.lda;
      part.c += begin * product.ldc;
      part.rows = end - begin;
      multiply(part);
    });
    return;
  }
  const Multiplication work(product);
  const int64_t first = work.firstPanel();
  parallelFor(split.threads, work.lastPanel() - first, 1,
              [&](int64_t begin, int64_t end) { work.run(first + begin, first + end); });
}

}  // namespace sluice::cpu
