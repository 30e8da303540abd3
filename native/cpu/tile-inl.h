// Accumulators of the innermost loops, and the loop of one row against several panels. Included
// once per Highway target.
#if defined(SLUICE_CPU_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_CPU_TILE_INL_H_
#undef SLUICE_CPU_TILE_INL_H_
#else
#define SLUICE_CPU_TILE_INL_H_
#endif

#include "cpu/tile.h"
#include "hwy/highway.h"

// Accumulators are named one by one: GCC keeps an array of them in memory and stores it in every
// turn of the loop, which halves the speed.
#ifndef SLUICE_EACH_GROUP
#define SLUICE_EACH_GROUP(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

#define SLUICE_LOAD(g)                                                                             \
  auto c##g##0 = hn::Zero(d), c##g##1 = hn::Zero(d), c##g##2 = hn::Zero(d), c##g##3 = hn::Zero(d); \
  if constexpr (kGroups > g) {                                                                     \
    const float* init = args.init + g * args.ldInit;                                               \
    c##g##0 = hn::LoadU(d, init);                                                                  \
    if constexpr (kVectors > 1) c##g##1 = hn::LoadU(d, init + lanes);                              \
    const float* init2 = args.init2 + g * args.ldInit2;                                            \
    if constexpr (kVectors > 2) c##g##2 = hn::LoadU(d, init2);                                     \
    if constexpr (kVectors > 3) c##g##3 = hn::LoadU(d, init2 + lanes);                             \
  }

#define SLUICE_STORE(g)                                                  \
  if constexpr (kGroups > g) {                                           \
    float* out = args.out + g * args.ldOut;                              \
    hn::StoreU(c##g##0, d, out);                                         \
    if constexpr (kVectors > 1) hn::StoreU(c##g##1, d, out + lanes);     \
    if constexpr (kVectors > 2) hn::StoreU(c##g##2, d, out + 2 * lanes); \
    if constexpr (kVectors > 3) hn::StoreU(c##g##3, d, out + 3 * lanes); \
  }

#define SLUICE_PANEL(g)                                                         \
  if constexpr (kGroups > g) {                                                  \
    c##g##0 = hn::MulAdd(value, Weights::Load(b##g + at), c##g##0);             \
    c##g##1 = hn::MulAdd(value, Weights::Load(b##g + at + lanes), c##g##1);     \
    c##g##2 = hn::MulAdd(value, Weights::Load(b##g + at + 2 * lanes), c##g##2); \
  }

#define SLUICE_B_OF_PANEL(g) \
  const typename Weights::Type* HWY_RESTRICT b##g = b + (g < kGroups ? g : 0) * args.ldb;
#endif  // SLUICE_EACH_GROUP

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One row and kGroups panels of weights that are kept as Weights::Type and are float32 when loaded.
// `b` stands for args.b.
template <class Weights, int kGroups>
HWY_INLINE void MultiplyPanelsOf(const TileArgs& args, const typename Weights::Type* b) {
  constexpr int kVectors = kPanelVectors;
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  SLUICE_EACH_GROUP(SLUICE_LOAD)
  SLUICE_EACH_GROUP(SLUICE_B_OF_PANEL)
  const float* HWY_RESTRICT a = args.a;
  const int64_t aStep = args.aStep;
  const int64_t bStep = args.bStep;
  int64_t at = 0;
  for (int64_t left = args.k; left > 0; --left) {
    const auto value = hn::Set(d, *a);
    SLUICE_EACH_GROUP(SLUICE_PANEL)
    at += bStep;
    a += aStep;
  }
  SLUICE_EACH_GROUP(SLUICE_STORE)
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_CPU_TILE_INL_H_
