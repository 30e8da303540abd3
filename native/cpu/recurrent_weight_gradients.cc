#include "cpu/gru_weight_gradients.h"

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gru_weight_gradients.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows [dq dz dr dn][plane] of one block of units become [k][dn dz dr dq]: the kernel's three gates
// are neighbours, and so are the recurrent kernel's. Also their sums over k.
void GatherPanel(const float* rows, int64_t plane, int64_t depth, float* panel, float* sums) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sn = hn::Zero(d), sz = hn::Zero(d), sr = hn::Zero(d), sq = hn::Zero(d);
  for (int64_t k = 0; k < depth; ++k, rows += 4 * plane, panel += 4 * lanes) {
    const auto q = hn::LoadU(d, rows);
    const auto z = hn::LoadU(d, rows + plane);
    const auto r = hn::LoadU(d, rows + 2 * plane);
    const auto n = hn::LoadU(d, rows + 3 * plane);
    hn::StoreU(n, d, panel);
    hn::StoreU(z, d, panel + lanes);
    hn::StoreU(r, d, panel + 2 * lanes);
    hn::StoreU(q, d, panel + 3 * lanes);
    sn = hn::Add(sn, n);
    sz = hn::Add(sz, z);
    sr = hn::Add(sr, r);
    sq = hn::Add(sq, q);
  }
  hn::StoreU(sn, d, sums);
  hn::StoreU(sz, d, sums + lanes);
  hn::StoreU(sr, d, sums + 2 * lanes);
  hn::StoreU(sq, d, sums + 3 * lanes);
}

void AddTo(float* out, const float* x, int64_t count) {
  const hn::ScalableTag<float> d;
  if (count == static_cast<int64_t>(hn::Lanes(d)))
    return hn::StoreU(hn::Add(hn::LoadU(d, out), hn::LoadU(d, x)), d, out);
  for (int64_t i = 0; i < count; ++i) out[i] += x[i];
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cstring>

#include "cpu/arguments.h"

namespace sluice::cpu {

HWY_EXPORT(GatherPanel);
HWY_EXPORT(AddTo);

namespace {

constexpr int64_t kDepth = 256;      // rows of gradients in a panel
constexpr int64_t kPanelSlots = 64;  // threads that can work at a time, at most
constexpr int64_t kTasks = 16;       // at least, where there is enough to share

int64_t tilesOf(int64_t columns) { return roundUp(columns, kMaxTileRows) / kMaxTileRows; }
int64_t tilesOf(const GruExtents& e, bool resetAfter) {
  return tilesOf(e.I) + (resetAfter ? 1 : 2) * tilesOf(e.H);
}
int64_t segmentsOf(const GruExtents& e, bool resetAfter) {
  return std::clamp<int64_t>(kTasks / e.blocks, 1, tilesOf(e, resetAfter));
}
// Threads that can work at a time: those of the call, which are known when its memory is planned.
int64_t slotsOf(const OpCall& call, const GruExtents& e) {
  const bool resetAfter = call.attr<GruAttributes>().resetAfter != 0;
  const int64_t threads = call.context ? call.context->threads : kPanelSlots;
  return std::min({kPanelSlots, threads, e.blocks * segmentsOf(e, resetAfter)});
}
int64_t panelFloats(const GruExtents& e) { return kDepth * 4 * e.lanes; }

}  // namespace

int64_t GruWeightGradients::scratchFloats(const OpCall& call, const GruExtents& e, int64_t rows) {
  const bool resetAfter = call.attr<GruAttributes>().resetAfter != 0;
  return slotsOf(call, e) * panelFloats(e) + tilesOf(e, resetAfter) * rows * kMaxTileRows;
}

GruWeightGradients::GruWeightGradients(const OpCall& call, const GruExtents& extents,
                                       float* scratch, int64_t rows)
    : e_(extents),
      resetAfter_(call.attr<GruAttributes>().resetAfter != 0),
      rows_(rows),
      dKernel_(output(call, gruBackward::kDKernel)),
      dRecurrent_(output(call, gruBackward::kDRecurrentKernel)),
      dBias_(output(call, gruBackward::kDBias)),
      panels_(scratch),
      tileCount_(tilesOf(e_, resetAfter_)),
      segments_(segmentsOf(e_, resetAfter_)),
      slots_(slotsOf(call, e_)) {
  const float* at = scratch + slots_ * panelFloats(e_);
  const auto addFactor = [&](Factor factor) {
    factor.tiles = at;
    at += tilesOf(factor.columns) * rows_ * kMaxTileRows;
    factors_[factorCount_++] = factor;
  };
  addFactor({e_.I, nullptr, dKernel_, 3, 0, {2, 0, 1}});
  if (resetAfter_) {
    addFactor({e_.H, nullptr, dRecurrent_, 3, 1, {0, 1, 2}});
  } else {
    addFactor({e_.H, nullptr, dRecurrent_, 2, 1, {0, 1}});
    addFactor({e_.H, nullptr, dRecurrent_, 1, 0, {2}});
  }
}

void GruWeightGradients::clear() const {
  if (dKernel_) std::fill_n(dKernel_, e_.I * 3 * e_.H, 0.0f);
  if (dRecurrent_) std::fill_n(dRecurrent_, e_.H * 3 * e_.H, 0.0f);
  if (dBias_) std::fill_n(dBias_, (resetAfter_ ? 2 : 1) * 3 * e_.H, 0.0f);
}

void GruWeightGradients::keep(int64_t k, const float* x, const float* h, const float* rh) const {
  const float* rows[] = {x, h, rh};
  for (int i = 0; i < factorCount_; ++i) {
    const Factor& factor = factors_[i];
    float* out = const_cast<float*>(factor.tiles) + k * kMaxTileRows;
    for (int64_t c = 0; c < factor.columns; c += kMaxTileRows, out += rows_ * kMaxTileRows) {
      const int64_t count = std::min(kMaxTileRows, factor.columns - c);
      if (count == kMaxTileRows)
        std::memcpy(out, rows[i] + c, kMaxTileRows * sizeof(float));
      else
        std::copy_n(rows[i] + c, count, out);
    }
  }
}

void GruWeightGradients::add(int thread, int64_t chunk, const float* gradients, int64_t rows) {
  if (thread >= slots_) return;
  const int64_t tasks = e_.blocks * segments_;
  float* panel = panels_ + thread * panelFloats(e_);
  int64_t task = next_.load(std::memory_order_relaxed);
  while (task < (chunk + 1) * tasks) {
    if (!next_.compare_exchange_weak(task, task + 1, std::memory_order_relaxed)) continue;
    addTask(task % tasks, panel, gradients, rows);
    task = next_.load(std::memory_order_relaxed);
  }
}

void GruWeightGradients::addTask(int64_t task, float* panel, const float* gradients, int64_t rows) {
  const int64_t block = task / segments_;
  const int64_t segment = task % segments_;
  const int64_t begin = tileCount_ * segment / segments_;
  const int64_t end = tileCount_ * (segment + 1) / segments_;
  alignas(64) float sums[4 * kMaxLanes];
  for (int64_t k = 0; k < rows; k += kDepth) {
    const int64_t depth = std::min(kDepth, rows - k);
    HWY_DYNAMIC_DISPATCH(GatherPanel)
    (gradients + k * 4 * e_.P + block * e_.lanes, e_.P, depth, panel, sums);
    if (dBias_ && segment == 0) addBias(sums, block);
    int64_t base = 0;
    for (int i = 0; i < factorCount_; ++i) {
      const int64_t tiles = tilesOf(factors_[i].columns);
      for (int64_t t = std::max(begin - base, int64_t{0}); t < std::min(end - base, tiles); ++t)
        addTile(factors_[i], t, block, panel, k, depth);
      base += tiles;
    }
  }
}

void GruWeightGradients::addTile(const Factor& factor, int64_t tile, int64_t block,
                                 const float* panel, int64_t k, int64_t depth) const {
  static constexpr float kZeros[kMaxPanel] = {};
  alignas(64) float sums[kMaxTileRows * kMaxPanel];
  const TileKernels& kernels = tileKernels();
  const int64_t first = tile * kMaxTileRows;
  const int64_t rows = std::min(kMaxTileRows, factor.columns - first);
  TileArgs args{};
  args.lda = 1;
  args.aStep = kMaxTileRows;
  args.b = panel + factor.first * e_.lanes;
  args.bStep = 4 * e_.lanes;
  args.k = depth;
  args.init = kZeros;
  args.init2 = kZeros;
  args.ldOut = kPanelVectors * e_.lanes;
  for (int64_t r = 0; r < rows; r += kernels.maxRows) {
    args.a = factor.tiles + (tile * rows_ + k) * kMaxTileRows + r;
    args.out = sums + r * args.ldOut;
    kernels.rows[factor.vectors - 1][std::min(kernels.maxRows, rows - r) - 1](args);
  }
  const auto addTo = HWY_DYNAMIC_DISPATCH(AddTo);
  const int64_t unit = block * e_.lanes;
  const int64_t count = std::min(e_.lanes, e_.H - unit);
  for (int64_t r = 0; r < rows; ++r) {
    float* out = factor.out + (first + r) * 3 * e_.H + unit;
    for (int v = 0; v < factor.vectors; ++v)
      addTo(out + factor.gate[v] * e_.H, sums + r * args.ldOut + v * e_.lanes, count);
  }
}

void GruWeightGradients::addBias(const float* sums, int64_t block) const {
  const int64_t unit = block * e_.lanes;
  const int64_t count = std::min(e_.lanes, e_.H - unit);
  const auto addTo = HWY_DYNAMIC_DISPATCH(AddTo);
  const float *dn = sums, *dz = dn + e_.lanes, *dr = dz + e_.lanes, *dq = dr + e_.lanes;
  addTo(dBias_ + unit, dz, count);
  addTo(dBias_ + e_.H + unit, dr, count);
  addTo(dBias_ + 2 * e_.H + unit, dn, count);
  if (!resetAfter_) return;
  addTo(dBias_ + 3 * e_.H + unit, dz, count);
  addTo(dBias_ + 4 * e_.H + unit, dr, count);
  addTo(dBias_ + 5 * e_.H + unit, dq, count);
}

}  // namespace sluice::cpu
#endif  // HWY_ONCE
