#include "cpu/recurrent_weight_gradients.h"

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/recurrent_weight_gradients.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Some vectors of each row of gate gradients, at these offsets, become neighbours: [k][vector].
// Also their sums over k.
template <int kVectors>
void GatherPanel(const float* rows, int64_t stride, const int64_t* offsets, int64_t depth,
                 float* panel, float* sums) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float* p0 = rows + offsets[0];
  const float* p1 = rows + offsets[kVectors > 1 ? 1 : 0];
  const float* p2 = rows + offsets[kVectors > 2 ? 2 : 0];
  const float* p3 = rows + offsets[kVectors > 3 ? 3 : 0];
  auto s0 = hn::Zero(d), s1 = hn::Zero(d), s2 = hn::Zero(d), s3 = hn::Zero(d);
  const auto take = [&](const float* from, int v, auto& sum) HWY_ATTR {
    const auto value = hn::LoadU(d, from);
    hn::StoreU(value, d, panel + v * lanes);
    sum = hn::Add(sum, value);
  };
  for (int64_t at = 0; at < depth * stride; at += stride, panel += kVectors * lanes) {
    take(p0 + at, 0, s0);
    if constexpr (kVectors > 1) take(p1 + at, 1, s1);
    if constexpr (kVectors > 2) take(p2 + at, 2, s2);
    if constexpr (kVectors > 3) take(p3 + at, 3, s3);
  }
  hn::StoreU(s0, d, sums);
  if constexpr (kVectors > 1) hn::StoreU(s1, d, sums + lanes);
  if constexpr (kVectors > 2) hn::StoreU(s2, d, sums + 2 * lanes);
  if constexpr (kVectors > 3) hn::StoreU(s3, d, sums + 3 * lanes);
}

void Gather(int vectors, const float* rows, int64_t stride, const int64_t* offsets, int64_t depth,
            float* panel, float* sums) {
  switch (vectors) {
    case 1:
      return GatherPanel<1>(rows, stride, offsets, depth, panel, sums);
    case 2:
      return GatherPanel<2>(rows, stride, offsets, depth, panel, sums);
    case 3:
      return GatherPanel<3>(rows, stride, offsets, depth, panel, sums);
    default:
      return GatherPanel<4>(rows, stride, offsets, depth, panel, sums);
  }
}

// Up to one vector of columns.
void AddTo(float* out, int64_t ldOut, const float* x, int64_t ldX, int64_t rows, int64_t columns) {
  const hn::ScalableTag<float> d;
  const bool whole = columns == static_cast<int64_t>(hn::Lanes(d));
  for (int64_t r = 0; r < rows; ++r, out += ldOut, x += ldX) {
    if (whole)
      hn::StoreU(hn::Add(hn::LoadU(d, out), hn::LoadU(d, x)), d, out);
    else
      for (int64_t i = 0; i < columns; ++i) out[i] += x[i];
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cstring>

#include "cpu/arguments.h"

namespace sluice::cpu {

HWY_EXPORT(Gather);
HWY_EXPORT(AddTo);

namespace {

constexpr int64_t kDepth = 256;      // rows of gradients in a panel
constexpr int64_t kPanelSlots = 64;  // threads that can work at a time, at most
constexpr int64_t kMostSegments = 4;

int64_t tilesOf(int64_t columns) { return roundUp(columns, kMaxTileRows) / kMaxTileRows; }
// A GRU whose candidate meets r h instead of h.
bool meetsReset(const OpCall& call, const RecurrentExtents& e) {
  return e.cell->resetsBefore(call.attr<RecurrentAttributes>());
}
int64_t tilesOf(const OpCall& call, const RecurrentExtents& e) {
  const int64_t gates = e.cell->gates;
  const int64_t ofState = e.stateMasks ? gates : meetsReset(call, e) ? 2 : 1;
  return (e.inputMasks ? gates : 1) * tilesOf(e.I) + ofState * tilesOf(e.H);
}
// Blocks of units in a panel.
int64_t blocksAPanel(const RecurrentExtents& e) { return e.cell->gates == 1 ? 4 : 1; }
int64_t panelsOf(const RecurrentExtents& e) {
  return (e.blocks + blocksAPanel(e) - 1) / blocksAPanel(e);
}
int64_t threadsOf(const OpCall& call) { return call.context ? call.context->threads : kPanelSlots; }
// Each segment gathers the panel again, so there are as few as keep all threads busy.
int64_t segmentsOf(const OpCall& call, const RecurrentExtents& e) {
  const int64_t threads = threadsOf(call);
  const int64_t most = std::min(tilesOf(call, e), std::max(kMostSegments, threads));
  for (int64_t segments = 1; segments < most; ++segments) {
    const int64_t tasks = panelsOf(e) * segments;
    if (100 * tasks >= 95 * roundUp(tasks, threads)) return segments;
  }
  return most;
}
// Threads that can work at a time: those of the call, which are known when its memory is planned.
int64_t slotsOf(const OpCall& call, const RecurrentExtents& e) {
  return std::min({kPanelSlots, threadsOf(call), panelsOf(e) * segmentsOf(call, e)});
}
int64_t panelFloats(const RecurrentExtents& e) { return kDepth * 4 * e.lanes; }

}  // namespace

int64_t RecurrentWeightGradients::scratchFloats(const OpCall& call, const RecurrentExtents& e,
                                                int64_t rows) {
  return slotsOf(call, e) * panelFloats(e) + tilesOf(call, e) * rows * kMaxTileRows;
}

RecurrentWeightGradients::RecurrentWeightGradients(const OpCall& call,
                                                   const RecurrentExtents& extents,
                                                   const RecurrentMasks& masks, float* scratch,
                                                   int64_t rows)
    : e_(extents),
      masks_(masks),
      ownBias_(e_.cell->candidateWaits() && !meetsReset(call, e_)),
      rows_(rows),
      dKernel_(output(call, recurrentBackward::kDKernel)),
      dRecurrent_(output(call, recurrentBackward::kDRecurrentKernel)),
      dBias_(output(call, recurrentBackward::kDBias)),
      panels_(scratch),
      tiles_(scratch + slotsOf(call, e_) * panelFloats(e_)),
      segments_(segmentsOf(call, e_)),
      slots_(slotsOf(call, e_)) {
  planFactors(call);
}

void RecurrentWeightGradients::planFactors(const OpCall& call) {
  const int gates = static_cast<int>(e_.cell->gates);
  const auto ofInput = [&](int first, int vectors, std::array<int64_t, kMostVectors> order) {
    return Factor{Source::Input, e_.I, nullptr, dKernel_, first, vectors, order};
  };
  const auto ofState = [&](Source source, int first, int vectors,
                           std::array<int64_t, kMostVectors> order) {
    return Factor{source, e_.H, nullptr, dRecurrent_, first, vectors, order};
  };
  const bool waits = e_.cell->candidateWaits();
  if (e_.normalized) {
    // The gradients of x W and of h R have planes of their own, a GRU's of h R being dq dz dr;
    // those of biases are RecurrentNormSums'.
    const int64_t x = e_.inputPlane;
    addPlanes(gates, {x, x + 1, x + 2, x + 3});
    addFactor(ofInput(0, gates, {0, 1, 2, 3}), e_.inputMasks);
    addPlanes(gates, {0, 1, 2, 3});
    const std::array<int64_t, kMostVectors> order{2, 0, 1};
    addFactor(ofState(Source::State, 0, gates, waits ? order : std::array<int64_t, 4>{0, 1, 2, 3}),
              e_.stateMasks);
    return;
  }
  if (!waits) {
    addPlanes(gates, {0, 1, 2, 3});
    biases_[0] = ofInput(0, gates, {0, 1, 2, 3});
    addFactor(biases_[0], e_.inputMasks);
    addFactor(ofState(Source::State, 0, gates, {0, 1, 2, 3}), e_.stateMasks);
    return;
  }
  // A GRU's panel is [dn dz dr dq], so that both kernels have neighbours of it.
  addPlanes(4, {3, 1, 2, 0});
  biases_[0] = ofInput(0, 3, {2, 0, 1});
  biases_[1] = ofInput(1, 3, {0, 1, 2});
  addFactor(biases_[0], e_.inputMasks);
  if (!meetsReset(call, e_)) {
    addFactor(ofState(Source::State, 1, 3, {0, 1, 2}), e_.stateMasks);
  } else {
    addFactor(ofState(Source::State, 1, 2, {0, 1}), e_.stateMasks);
    addFactor(ofState(Source::ResetState, 0, 1, {2}), false);  // r h has its mask already
  }
}

void RecurrentWeightGradients::addPlanes(int count, std::array<int64_t, kMostVectors> at) {
  planes_[planesCount_++] = {count, at, factorCount_, factorCount_};
}

void RecurrentWeightGradients::addFactor(Factor factor, bool masked) {
  if (!masked) return addPart(factor);
  for (int v = 0; v < factor.vectors; ++v) {
    Factor part = factor;
    part.first = factor.first + v;
    part.vectors = 1;
    part.gate = {factor.gate[static_cast<size_t>(v)]};
    part.masked = true;
    addPart(part);
  }
}

void RecurrentWeightGradients::addPart(Factor factor) {
  factor.tiles = tiles_;
  tiles_ += tilesOf(factor.columns) * rows_ * kMaxTileRows;
  tileCount_ += tilesOf(factor.columns);
  factors_[factorCount_++] = factor;
  planes_[planesCount_ - 1].endFactor = factorCount_;
}

void RecurrentWeightGradients::clear() const {
  const int64_t columns = e_.cell->gates * e_.H;
  if (dKernel_) std::fill_n(dKernel_, e_.I * columns, 0.0f);
  if (dRecurrent_) std::fill_n(dRecurrent_, e_.H * columns, 0.0f);
  if (dBias_) std::fill_n(dBias_, (ownBias_ ? 2 : 1) * columns, 0.0f);
}

void RecurrentWeightGradients::keep(int64_t k, int64_t position, const float* x, const float* h,
                                    const float* rh) const {
  const float* rows[] = {x, h, rh};
  for (int i = 0; i < factorCount_; ++i) {
    const Factor& factor = factors_[i];
    const float* row = rows[static_cast<int>(factor.source)];
    const float* mask = nullptr;
    if (factor.masked)
      mask = factor.source == Source::Input ? masks_.input(factor.gate[0], position)
                                            : masks_.state(factor.gate[0], position);
    float* out = const_cast<float*>(factor.tiles) + k * kMaxTileRows;
    for (int64_t c = 0; c < factor.columns; c += kMaxTileRows, out += rows_ * kMaxTileRows) {
      const int64_t count = std::min(kMaxTileRows, factor.columns - c);
      if (mask)
        for (int64_t j = 0; j < count; ++j) out[j] = row[c + j] * mask[c + j];
      else if (count == kMaxTileRows)
        std::memcpy(out, row + c, kMaxTileRows * sizeof(float));
      else
        std::copy_n(row + c, count, out);
    }
  }
}

void RecurrentWeightGradients::add(int thread, int64_t chunk, const float* gradients,
                                   int64_t rows) {
  if (thread >= slots_) return;
  const int64_t tasks = panelsOf(e_) * segments_;
  float* data = panels_ + thread * panelFloats(e_);
  int64_t task = next_.load(std::memory_order_relaxed);
  while (task < (chunk + 1) * tasks) {
    if (!next_.compare_exchange_weak(task, task + 1, std::memory_order_relaxed)) continue;
    addTask(task % tasks, data, gradients, rows);
    task = next_.load(std::memory_order_relaxed);
  }
}

void RecurrentWeightGradients::addTask(int64_t task, float* data, const float* gradients,
                                       int64_t rows) {
  const int64_t segment = task % segments_;
  const int64_t begin = tileCount_ * segment / segments_;
  const int64_t end = tileCount_ * (segment + 1) / segments_;
  const int64_t block = task / segments_ * blocksAPanel(e_);
  const bool sumsBiases = dBias_ && !e_.normalized && segment == 0;
  for (int i = 0; i < planesCount_; ++i)
    addSegment(planes_[i], block, begin, end, sumsBiases, data, gradients, rows);
}

void RecurrentWeightGradients::addSegment(const Planes& planes, int64_t block, int64_t begin,
                                          int64_t end, bool sumsBiases, float* data,
                                          const float* gradients, int64_t rows) const {
  int64_t before = 0, tiles = 0;
  for (int i = 0; i < planes.endFactor; ++i)
    (i < planes.firstFactor ? before : tiles) += tilesOf(factors_[i].columns);
  begin = std::max(begin - before, int64_t{0});
  end = std::min(end - before, tiles);
  if (begin >= end && !sumsBiases) return;
  Panel panel{block, planes.count, data};
  int64_t offsets[kMostVectors];
  // Of a cell with one gate the vectors are neighbouring blocks.
  if (e_.cell->gates == 1)
    panel.vectors = static_cast<int>(std::min(blocksAPanel(e_), e_.blocks - block));
  for (int v = 0; v < panel.vectors; ++v)
    offsets[v] = e_.cell->gates == 1 ? planes.at[0] * e_.P + (block + v) * e_.lanes
                                     : planes.at[static_cast<size_t>(v)] * e_.P + block * e_.lanes;
  alignas(64) float sums[kMostVectors * kMaxLanes];
  const int64_t stride = e_.gradients * e_.P;
  for (int64_t k = 0; k < rows; k += kDepth) {
    const int64_t depth = std::min(kDepth, rows - k);
    HWY_DYNAMIC_DISPATCH(Gather)
    (panel.vectors, gradients + k * stride, stride, offsets, depth, data, sums);
    if (sumsBiases) {
      addBias(biases_[0], panel, sums, dBias_);
      if (ownBias_) addBias(biases_[1], panel, sums, dBias_ + e_.cell->gates * e_.H);
    }
    int64_t base = 0;
    for (int i = planes.firstFactor; i < planes.endFactor; ++i) {
      const int64_t count = tilesOf(factors_[i].columns);
      for (int64_t t = std::max(begin - base, int64_t{0}); t < std::min(end - base, count); ++t)
        addTile(factors_[i], t, panel, k, depth);
      base += count;
    }
  }
}

void RecurrentWeightGradients::addTile(const Factor& factor, int64_t tile, const Panel& panel,
                                       int64_t k, int64_t depth) const {
  static constexpr float kZeros[kMaxWidePanel] = {};
  alignas(64) float sums[kMaxTileRows * kMaxWidePanel];
  const TileKernels& kernels = tileKernels();
  const int vectors = vectorsOf(factor, panel);
  const int64_t first = tile * kMaxTileRows;
  const int64_t rows = std::min(kMaxTileRows, factor.columns - first);
  TileArgs args{};
  args.lda = 1;
  args.aStep = kMaxTileRows;
  args.b = panel.data + factor.first * e_.lanes;
  args.bStep = panel.vectors * e_.lanes;
  args.k = depth;
  args.init = kZeros;
  args.init2 = kZeros;
  args.ldOut = vectors * e_.lanes;
  const RowTiles parts(rows, kernels.maxRowsOf(vectors));
  for (int64_t part = 0; part < parts.count(); ++part) {
    const int64_t r = parts.begin(part);
    args.a = factor.tiles + (tile * rows_ + k) * kMaxTileRows + r;
    args.out = sums + r * args.ldOut;
    kernels.rows[vectors - 1][parts.height(part) - 1](args);
  }
  for (int v = 0; v < vectors; ++v)
    addVector(factor, panel, v, sums + v * e_.lanes, args.ldOut, rows,
              factor.out + first * e_.cell->gates * e_.H);
}

void RecurrentWeightGradients::addBias(const Factor& factor, const Panel& panel, const float* sums,
                                       float* out) const {
  for (int v = 0; v < vectorsOf(factor, panel); ++v)
    addVector(factor, panel, v, sums + (factor.first + v) * e_.lanes, 0, 1, out);
}

void RecurrentWeightGradients::addVector(const Factor& factor, const Panel& panel, int v,
                                         const float* sums, int64_t ldSums, int64_t rows,
                                         float* out) const {
  const bool ofOneGate = e_.cell->gates == 1;
  const int64_t unit = (panel.block + (ofOneGate ? v : 0)) * e_.lanes;
  const int64_t column = (ofOneGate ? 0 : factor.gate[static_cast<size_t>(v)]) * e_.H + unit;
  HWY_DYNAMIC_DISPATCH(AddTo)
  (out + column, e_.cell->gates * e_.H, sums, ldSums, rows, std::min(e_.lanes, e_.H - unit));
}

}  // namespace sluice::cpu
#endif  // HWY_ONCE
