// Products with weights of 16 bits: each is turned into float32 on its way to the arithmetic, which
// is that of tile-inl.h, so the bits are those of float32 weights with these values.
#include "cpu/gru_stream.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gru_half.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/tile-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Words = hn::Rebind<uint32_t, Floats>;
using Halves = hn::Rebind<uint16_t, Floats>;

struct BFloat16 {
  using Type = uint16_t;
  static HWY_INLINE hn::Vec<Floats> Load(const uint16_t* p) {
    const auto words = hn::PromoteTo(Words(), hn::LoadU(Halves(), p));
    return hn::BitCast(Floats(), hn::ShiftLeft<16>(words));
  }
};

struct Float16 {
  using Type = uint16_t;
  static HWY_INLINE hn::Vec<Floats> Load(const uint16_t* p) {
    const auto bits = hn::LoadU(Halves(), p);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C)
    return hn::PromoteTo(Floats(), hn::BitCast(hn::Rebind<hwy::float16_t, Floats>(), bits));
#else
    // Not Highway's own form, which makes numbers of infinity and NaN. The exponent is put right by
    // a product, which is exact for subnormal numbers too.
    const Floats d;
    const Words du;
    const auto words = hn::PromoteTo(du, bits);
    const auto sign = hn::ShiftLeft<16>(hn::And(words, hn::Set(du, 0x8000)));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(words, hn::Set(du, 0x7FFF)));
    const auto finite = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f));
    const auto special = hn::BitCast(d, hn::Or(magnitude, hn::Set(du, 0x7F800000)));
    const auto value = hn::IfThenElse(hn::Ge(finite, hn::Set(d, 65536.0f)), special, finite);
    return hn::Or(value, hn::BitCast(d, sign));
#endif
  }
};

template <class Weights, int kGroups>
void MultiplyHalf(const ReducedArgs& args) {
  const int64_t panel = kPanelVectors * static_cast<int64_t>(hn::Lanes(Floats()));
  TileArgs tile{};
  tile.a = static_cast<const float*>(args.a);
  tile.aStep = 1;
  tile.ldb = args.ldb;
  tile.bStep = panel;
  tile.k = args.k;
  tile.init = args.init;
  tile.ldInit = args.ldInit;
  tile.init2 = args.init2;
  tile.ldInit2 = args.ldInit2;
  tile.out = args.out;
  tile.ldOut = panel;
  MultiplyPanelsOf<Weights, kGroups>(tile, static_cast<const uint16_t*>(args.b));
}

template <class Weights>
void DecodeHalf(const uint16_t* from, int64_t n, float* to) {
  const Floats d;
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d)))
    hn::StoreU(Weights::Load(from + i), d, to + i);
}

template <class Weights>
constexpr HalfKernels HalfKernelsOf() {
  return {{MultiplyHalf<Weights, 1>, MultiplyHalf<Weights, 2>, MultiplyHalf<Weights, 3>,
           MultiplyHalf<Weights, 4>},
          DecodeHalf<Weights>};
}

const HalfKernels* OfFloat16() {
  static constexpr HalfKernels kKernels = HalfKernelsOf<Float16>();
  return &kKernels;
}
const HalfKernels* OfBFloat16() {
  static constexpr HalfKernels kKernels = HalfKernelsOf<BFloat16>();
  return &kKernels;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cpu {

HWY_EXPORT(OfFloat16);
HWY_EXPORT(OfBFloat16);

const HalfKernels& gruHalfKernels(WeightsType weights) noexcept {
  return weights == WeightsType::Float16 ? *HWY_DYNAMIC_DISPATCH(OfFloat16)()
                                         : *HWY_DYNAMIC_DISPATCH(OfBFloat16)();
}

}  // namespace sluice::cpu
#endif
