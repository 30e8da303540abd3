#include "cpu/recurrent_step.h"

namespace sluice::cpu {

void RecurrentStep::run(const RecurrentStepArgs& args) const {
  if (!fused_)
    inPlanes(args);
  else if (args.rows == 1)
    oneRow(args);
  else
    inTiles(args);
}

// The products of all gates of one block of units for rows from `row` on (acrossRows), or of
// neighbouring blocks for this row alone. They start from the projection; but a GRU's candidate
// from its own bias, as r comes before its projection is added.
TileArgs RecurrentStep::products(const RecurrentStepArgs& args, int64_t row, int64_t block,
                                 bool acrossRows, float* out) const {
  const int64_t panel = e_.cell->gates * e_.lanes;
  TileArgs tile{};
  tile.a = args.h + row * args.ldH;
  tile.lda = args.ldH;
  tile.aStep = 1;
  tile.b = args.packed + packed_.recurrent + block * panel * e_.H;
  tile.ldb = panel * e_.H;
  tile.bStep = panel;
  tile.k = e_.H;
  tile.init = args.projection + row * e_.columns() + block * panel;
  tile.ldInit = acrossRows ? e_.columns() : panel;
  const bool waits = e_.cell->candidateWaits();
  tile.init2 =
      waits ? args.packed + packed_.candidateBias + block * e_.lanes : tile.init + 2 * e_.lanes;
  tile.ldInit2 = !waits ? tile.ldInit : acrossRows ? 0 : e_.lanes;
  tile.out = out;
  tile.ldOut = panel;
  return tile;
}

void RecurrentStep::gates(const RecurrentStepArgs& args, int64_t row, int64_t block, int64_t groups,
                          bool acrossRows, const float* products) const {
  const int64_t unit = block * e_.lanes;
  const int64_t panel = e_.cell->gates * e_.lanes;
  FusedGatesArgs fused{};
  fused.groups = groups;
  fused.products = products;
  fused.ldProducts = panel;
  fused.x = args.projection + row * e_.columns() + block * panel + 2 * e_.lanes;
  fused.ldX = acrossRows ? e_.columns() : panel;
  fused.h = args.h + row * args.ldH + unit;
  fused.next = args.next + row * args.ldH + unit;
  fused.ldH = acrossRows ? args.ldH : e_.lanes;
  if (args.y) fused.y = args.y + row * args.ldY + unit;
  fused.ldY = acrossRows ? args.ldY : e_.lanes;
  fused.columns = std::min(e_.lanes, e_.H - unit);
  if (args.saved) fused.saved = args.saved + row * args.ldSaved + unit;
  fused.ldSaved = acrossRows ? args.ldSaved : e_.lanes;
  fused.plane = e_.P;
  fused.replace = attributes_.replace != 0;
  e_.cell->fused(fused);
}

// A block's weights stay in the cache while the tiles of rows pass.
void RecurrentStep::inTiles(const RecurrentStepArgs& args) const {
  alignas(64) float out[kMaxTileRows * kMaxWidePanel];
  const TileKernels& kernels = tileKernels();
  const int64_t vectors = e_.cell->gates;
  const RowTiles tiles(args.rows, kernels.maxRowsOf(vectors));
  for (int64_t block = args.blockBegin; block < args.blockEnd; ++block) {
    for (int64_t tile = 0; tile < tiles.count(); ++tile) {
      const int64_t row = tiles.begin(tile);
      const int64_t count = tiles.height(tile);
      kernels.rows[vectors - 1][count - 1](products(args, row, block, true, out));
      gates(args, row, block, count, true, out);
    }
  }
}

// One row alone is bound by reading the weights: several panels at a time, where these have three
// vectors; a wide one alone is enough.
void RecurrentStep::oneRow(const RecurrentStepArgs& args) const {
  if (e_.cell->gates != kPanelVectors) return inTiles(args);
  alignas(64) float out[kMaxTilePanels * kMaxPanel];
  const TileKernels& kernels = tileKernels();
  const int64_t whole = std::min(e_.H / e_.lanes, args.blockEnd);
  for (int64_t block = args.blockBegin; block < args.blockEnd;) {
    const int64_t count = block < whole ? std::min(kMaxTilePanels, whole - block) : 1;
    kernels.panels[count - 1](products(args, 0, block, false, out));
    gates(args, 0, block, count, false, out);
    block += count;
  }
}

// Gate by gate, as each has a mask of its own: that of the last one remains in args.masked.
void RecurrentStep::multiplyMasked(const RecurrentStepArgs& args, Product product) const {
  product.a = args.masked;
  product.lda = e_.P;
  for (int64_t gate = 0; gate < e_.cell->gates; ++gate) {
    for (int64_t i = 0; i < args.rows; ++i)
      masks_.scaleState(gate, args.positions.position(i), args.h + i * args.ldH,
                        args.masked + i * e_.P);
    const Range columns{gate * e_.P, (gate + 1) * e_.P};
    if (columns.begin < product.n) multiply(product.columns(columns));
  }
}

// x W in args.projection and h R in args.q become what the gates are made of.
void RecurrentStep::normalize(const RecurrentStepArgs& args) const {
  recurrentNormalize(
      e_,
      {.rows = args.rows,
       .sums = args.projection,
       .ldSums = e_.columns(),
       .products = args.q,
       .ldProducts = e_.work(),
       .gamma = args.packed + packed_.norm + RecurrentPackedNorm(e_).gamma,
       .bias = args.packed + packed_.bias,
       .candidateBias = e_.cell->candidateWaits() ? args.packed + packed_.candidateBias : nullptr,
       .epsilon = static_cast<float>(attributes_.epsilon),
       .saved = args.saved,
       .ldSaved = args.ldSaved});
}

// Any activations, and the candidate after the reset: one plane of gates after the other.
void RecurrentStep::inPlanes(const RecurrentStepArgs& args) const {
  PlaneArgs planes{};
  planes.rows = args.rows;
  planes.width = e_.P;
  planes.units = e_.H;
  planes.gates = args.projection;
  planes.ldGates = e_.columns();
  planes.q = args.q + (e_.work() - e_.P);  // of all gates of h R, the last
  planes.ldQ = e_.work();
  planes.h = args.h;
  planes.candidateH = e_.stateMasks ? args.masked : args.h;
  planes.ldCandidateH = e_.stateMasks ? e_.P : args.ldH;
  planes.next = args.next;
  planes.ldH = args.ldH;
  planes.saved = args.saved;
  planes.ldSaved = args.ldSaved;
  planes.plane = e_.P;
  planes.attributes = &attributes_;
  if (e_.normalized) {
    const RecurrentPackedNorm norm(e_);
    planes.cellGamma = args.packed + packed_.norm + norm.cellGamma;
    planes.cellBeta = args.packed + packed_.norm + norm.cellBeta;
    planes.cellHats = args.saved ? args.saved + e_.cellHats() : nullptr;
    planes.cellFactor = args.saved ? args.saved + e_.factors() + 2 : nullptr;
  }

  const bool waits = e_.cell->candidateWaits();
  Product product;
  product.a = args.h;
  product.lda = args.ldH;
  product.b = args.packed + packed_.recurrent;
  product.c = e_.normalized ? args.q : args.projection;
  product.ldc = e_.columns();
  product.rows = args.rows;
  product.k = e_.H;
  product.n = e_.columns() - (waits ? e_.P : 0);
  product.accumulate = !e_.normalized;
  if (e_.stateMasks)
    multiplyMasked(args, product);
  else
    multiply(product);
  if (waits) {
    if (!attributes_.resetAfter) e_.cell->beforeCandidate(planes);
    product.a = planes.candidateH;
    product.lda = planes.ldCandidateH;
    product.b = args.packed + packed_.candidate;
    product.n = e_.P;
    if (attributes_.resetAfter) {
      product.c = planes.q;
      product.ldc = planes.ldQ;
      if (!e_.normalized) product.start = args.packed + packed_.candidateBias;
      product.accumulate = false;
    } else {
      product.a = planes.q;
      product.lda = planes.ldQ;
      product.c = args.projection + 2 * e_.P;
    }
    multiply(product);
  }
  if (e_.normalized) normalize(args);
  if (waits && attributes_.resetAfter) e_.cell->beforeCandidate(planes);
  e_.cell->planes(planes);
  for (int64_t row = 0; row < args.rows && args.y; ++row)
    std::copy_n(args.next + row * args.ldH, e_.H, args.y + row * args.ldY);
}

}  // namespace sluice::cpu
