// Products of int8 weights with int16 activations in 32-bit sums.
//
// A row of activations has one scale, its largest magnitude over 32767, and a column of weights has
// one, its largest over 127. Sums are exact: one of kDepth products is at most 512 * 127 * 32767 <
// 2^31 in magnitude, and after so many it goes to float32. So the order within a sum does not
// matter, and a row's bits do not depend on the rows beside it.
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/gru_stream.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gru_int8.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using Sums = hn::Rebind<int32_t, Floats>;

constexpr int64_t kDepth = 512;
constexpr int32_t kMostActivation = 32767;
static_assert(kDepth * 127 * kMostActivation <= std::numeric_limits<int32_t>::max());

// Two activations that follow each other, and sum + their products with as many pairs of weights as
// there are lanes.
#if HWY_TARGET == HWY_SCALAR
struct Pair {
  int32_t first, second;
};
HWY_INLINE Pair LoadPair(const int16_t* a) { return {a[0], a[1]}; }
HWY_INLINE hn::Vec<Sums> AddProducts(Pair a, const int8_t* weights, hn::Vec<Sums> sum) {
  return hn::Add(sum, hn::Set(Sums(), a.first * weights[0] + a.second * weights[1]));
}
#else
using Words = hn::Repartition<int16_t, Sums>;
using Pair = hn::Vec<Words>;
HWY_INLINE Pair LoadPair(const int16_t* a) {
  int32_t both;
  std::memcpy(&both, a, sizeof(both));
  return hn::BitCast(Words(), hn::Set(Sums(), both));
}
HWY_INLINE hn::Vec<Sums> AddProducts(Pair a, const int8_t* weights, hn::Vec<Sums> sum) {
  const Words words;
  const auto w = hn::PromoteTo(words, hn::LoadU(hn::Rebind<int8_t, Words>(), weights));
#if HWY_ARCH_X86
  // pmaddwd: neighbours are added. On other machines it is others that are.
  auto unused = hn::Zero(Sums());
  return hn::ReorderWidenMulAccumulate(Sums(), a, w, sum, unused);
#else
  const auto a2 = hn::BitCast(Sums(), a);
  const auto w2 = hn::BitCast(Sums(), w);
  const auto low =
      hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(a2)), hn::ShiftRight<16>(hn::ShiftLeft<16>(w2)));
  const auto high = hn::Mul(hn::ShiftRight<16>(a2), hn::ShiftRight<16>(w2));
  return hn::Add(hn::Add(sum, low), high);
#endif
}
#endif

// Named one by one, as in tile.cc.
#define SLUICE_EACH_GROUP(DO) DO(0) DO(1) DO(2) DO(3)

#define SLUICE_PANEL_AT(g)          \
  const int8_t* HWY_RESTRICT b##g = \
      static_cast<const int8_t*>(args.b) + (g < kGroups ? g : 0) * args.ldb;

#define SLUICE_ZERO(g) \
  auto c##g##0 = hn::Zero(Sums()), c##g##1 = hn::Zero(Sums()), c##g##2 = hn::Zero(Sums());

#define SLUICE_PANEL(g)                                          \
  if constexpr (kGroups > g) {                                   \
    c##g##0 = AddProducts(pair, b##g + at, c##g##0);             \
    c##g##1 = AddProducts(pair, b##g + at + 2 * lanes, c##g##1); \
    c##g##2 = AddProducts(pair, b##g + at + 4 * lanes, c##g##2); \
  }

#define SLUICE_ADD(g)                                                                           \
  if constexpr (kGroups > g) {                                                                  \
    AddScaled(args, 3 * g, c##g##0, first ? args.init + g * args.ldInit : nullptr);             \
    AddScaled(args, 3 * g + 1, c##g##1, first ? args.init + g * args.ldInit + lanes : nullptr); \
    AddScaled(args, 3 * g + 2, c##g##2, first ? args.init2 + g * args.ldInit2 : nullptr);       \
  }

// out = init, or out itself, + sum in units of both scales.
HWY_INLINE void AddScaled(const ReducedArgs& args, int64_t vector, hn::Vec<Sums> sum,
                          const float* init) {
  const Floats d;
  const int64_t at = vector * static_cast<int64_t>(hn::Lanes(d));
  const auto scale = hn::Mul(hn::Set(d, args.scale), hn::LoadU(d, args.scales + at));
  const auto start = hn::LoadU(d, init ? init : args.out + at);
  hn::StoreU(hn::MulAdd(hn::ConvertTo(d, sum), scale, start), d, args.out + at);
}

template <int kGroups>
void MultiplyInt8(const ReducedArgs& args) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(Floats()));
  SLUICE_EACH_GROUP(SLUICE_PANEL_AT)
  const int16_t* HWY_RESTRICT a = static_cast<const int16_t*>(args.a);
  int64_t at = 0;
  bool first = true;
  for (int64_t k = 0; k < args.k || first; k += kDepth, first = false) {
    SLUICE_EACH_GROUP(SLUICE_ZERO)
    for (const int16_t* const end = a + std::min(kDepth, roundUp(args.k - k, 2)); a < end; a += 2) {
      const Pair pair = LoadPair(a);
      SLUICE_EACH_GROUP(SLUICE_PANEL)
      at += 6 * lanes;
    }
    SLUICE_EACH_GROUP(SLUICE_ADD)
  }
}

float QuantiseRow(const float* a, int64_t n, int16_t* to) {
  const Floats d;
  const int64_t lanes = LanesOf(d);
  const auto load = [&](int64_t i) HWY_ATTR {
    return i + lanes <= n ? hn::LoadU(d, a + i) : LoadPart(d, a + i, n - i, 0.0f);
  };
  auto most = hn::Zero(d);
  auto notFinite = hn::Zero(d);  // NaN once something was not
  for (int64_t i = 0; i < n; i += lanes) {
    const auto v = load(i);
    most = hn::Max(most, hn::Abs(v));
    notFinite = hn::MulAdd(v, hn::Zero(d), notFinite);
  }
  const bool finite = hn::GetLane(hn::SumOfLanes(d, notFinite)) == 0;
  const float largest = hn::GetLane(hn::MaxOfLanes(d, most));
  // So small a row counts as zeros: the reciprocal would be infinite.
  const bool counts = finite && largest > 1e-30f;
  const auto inverse = hn::Set(d, counts ? kMostActivation / largest : 0.0f);
  const hn::Rebind<int16_t, Floats> words;
  for (int64_t i = 0; i < n; i += lanes) {
    const auto scaled = finite ? hn::Mul(load(i), inverse) : hn::Zero(d);
    hn::StoreU(hn::DemoteTo(words, hn::NearestInt(scaled)), words, to + i);
  }
  if (n % 2 != 0) to[n] = 0;
  if (!finite) return std::numeric_limits<float>::quiet_NaN();
  return counts ? largest / kMostActivation : 0.0f;
}

const Int8Kernels* OfInt8() {
  static constexpr Int8Kernels kKernels = {
      {MultiplyInt8<1>, MultiplyInt8<2>, MultiplyInt8<3>, MultiplyInt8<4>}, QuantiseRow};
  return &kKernels;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cpu {

HWY_EXPORT(OfInt8);

const Int8Kernels& gruInt8Kernels() noexcept { return *HWY_DYNAMIC_DISPATCH(OfInt8)(); }

}  // namespace sluice::cpu
#endif
