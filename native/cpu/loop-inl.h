// Loops over arrays of float that do not notice where vectors end: an element gets the same bits in
// the middle of an array as in its tail. Included once per Highway target.
#if defined(SLUICE_CPU_LOOP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_CPU_LOOP_INL_H_
#undef SLUICE_CPU_LOOP_INL_H_
#else
#define SLUICE_CPU_LOOP_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE int64_t LanesOf(D d) {
  return static_cast<int64_t>(hn::Lanes(d));
}

// The first `count` lanes from p, the others `fill`.
template <class D>
HWY_INLINE hn::Vec<D> LoadPart(D d, const float* p, int64_t count, float fill) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  const auto first = hn::FirstN(d, static_cast<size_t>(count));
  return hn::IfThenElse(first, hn::MaskedLoad(first, d, p), hn::Set(d, fill));
#else
  HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(hn::Set(d, fill), d, lanes);
  std::memcpy(lanes, p, static_cast<size_t>(count) * sizeof(float));
  return hn::Load(d, lanes);
#endif
}
template <class D>
HWY_INLINE void StorePart(hn::Vec<D> v, D d, float* p, int64_t count) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, p);
#else
  HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(v, d, lanes);
  std::memcpy(p, lanes, static_cast<size_t>(count) * sizeof(float));
#endif
}

// y[i] = of(in[i]...) for 0 <= i < n. y may be one of the inputs.
template <class D, class Of, class... In>
HWY_INLINE void Transform(D d, int64_t n, float* y, const Of& of, const In*... in) {
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(of(hn::LoadU(d, in + i)...), d, y + i);
  if (i < n) StorePart(of(LoadPart(d, in + i, n - i, 0.0f)...), d, y + i, n - i);
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_CPU_LOOP_INL_H_
