// Rows of planes without their mean and divided by their deviation; see recurrent_norm.h. Included
// once per Highway target.
#if defined(SLUICE_CPU_RECURRENT_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_CPU_RECURRENT_NORM_INL_H_
#undef SLUICE_CPU_RECURRENT_NORM_INL_H_
#else
#define SLUICE_CPU_RECURRENT_NORM_INL_H_
#endif

#include <cmath>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// use(i, keep) for each vector of a row of planes: keep(v) has zeros in the padding.
template <class D, class Use>
HWY_INLINE void EachVector(D d, int64_t planes, int64_t width, int64_t padded, const Use& use) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t whole = width - width % lanes;
  const auto all = [](auto v) HWY_ATTR { return v; };
  const auto part = hn::FirstN(d, static_cast<size_t>(width - whole));
  const auto some = [part](auto v) HWY_ATTR { return hn::IfThenElseZero(part, v); };
  for (int64_t base = 0; base < planes * padded; base += padded) {
    for (int64_t i = 0; i < whole; i += lanes) use(base + i, all);
    if (whole < padded) use(base + whole, some);
  }
}

struct RowNorm {
  float mean, factor;
};

// The mean of a row of planes and 1 / sqrt(variance + epsilon).
template <class D>
HWY_INLINE RowNorm NormOf(D d, const float* x, int64_t planes, int64_t width, int64_t padded,
                          float epsilon) {
  const float count = static_cast<float>(planes * width);
  auto sum = hn::Zero(d);
  EachVector(d, planes, width, padded, [&](int64_t i, const auto& keep) HWY_ATTR {
    sum = hn::Add(sum, keep(hn::LoadU(d, x + i)));
  });
  const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / count;
  const auto m = hn::Set(d, mean);
  auto squares = hn::Zero(d);
  EachVector(d, planes, width, padded, [&](int64_t i, const auto& keep) HWY_ATTR {
    const auto off = keep(hn::Sub(hn::LoadU(d, x + i), m));
    squares = hn::MulAdd(off, off, squares);
  });
  return {mean, 1 / std::sqrt(hn::GetLane(hn::SumOfLanes(d, squares)) / count + epsilon)};
}

// The way back: from dy of one plane after the other, of(plane), dx = factor (g - (sum(g) + hat
// sum(g hat)) / count) with g = gamma dy goes to to(plane), and dy hat to products.
template <class D, class Of, class To>
HWY_INLINE void NormGradient(D d, int64_t planes, int64_t width, int64_t padded, const Of& of,
                             const float* gamma, const float* hats, float factor, const To& to,
                             float* products) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d), along = hn::Zero(d);
  for (int64_t p = 0; p < planes; ++p) {
    const float* dy = of(p);
    const float* g = gamma + p * padded;
    const float* hat = hats + p * padded;
    float* product = products + p * padded;
    for (int64_t i = 0; i < padded; i += lanes) {  // hats are zero in the padding, and so is gamma
      const auto v = hn::LoadU(d, dy + i);
      const auto h = hn::LoadU(d, hat + i);
      const auto scaled = hn::Mul(v, hn::LoadU(d, g + i));
      hn::StoreU(hn::Mul(v, h), d, product + i);
      sum = hn::Add(sum, scaled);
      along = hn::MulAdd(scaled, h, along);
    }
  }
  const auto count = hn::Set(d, 1.0f / static_cast<float>(planes * width));
  const auto mean = hn::Mul(hn::SumOfLanes(d, sum), count);
  const auto slope = hn::Mul(hn::SumOfLanes(d, along), count);
  const auto f = hn::Set(d, factor);
  for (int64_t p = 0; p < planes; ++p) {
    const float* dy = of(p);
    const float* g = gamma + p * padded;
    const float* hat = hats + p * padded;
    float* dx = to(p);
    EachVector(d, 1, width, padded, [&](int64_t i, const auto& keep) HWY_ATTR {
      const auto scaled = hn::Mul(hn::LoadU(d, dy + i), hn::LoadU(d, g + i));
      const auto rest = hn::NegMulAdd(hn::LoadU(d, hat + i), slope, hn::Sub(scaled, mean));
      hn::StoreU(keep(hn::Mul(f, rest)), d, dx + i);
    });
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_CPU_RECURRENT_NORM_INL_H_
