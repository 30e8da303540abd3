#include "cpu/loss_math.h"

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/loss_math.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <algorithm>
#include <limits>

#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using VF = hn::Vec<Floats>;

// Runs of(p, t, value, slope) over n elements; slopes may be null.
template <class Of>
HWY_INLINE void EachElement(const float* p, const float* t, int64_t n, float* values, float* slopes,
                            const Of& of) {
  const Floats d;
  const int64_t lanes = LanesOf(d);
  VF value, slope;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    of(hn::LoadU(d, p + i), hn::LoadU(d, t + i), value, slope);
    hn::StoreU(value, d, values + i);
    if (slopes) hn::StoreU(slope, d, slopes + i);
  }
  if (i == n) return;
  of(LoadPart(d, p + i, n - i, 0.0f), LoadPart(d, t + i, n - i, 0.0f), value, slope);
  StorePart(value, d, values + i, n - i);
  if (slopes) StorePart(slope, d, slopes + i, n - i);
}

void ElementLosses(const LossAttributes& loss, const float* p, const float* t, int64_t n,
                   float* values, float* slopes) {
  const Floats d;
  const auto zero = hn::Zero(d), one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
  const auto delta = hn::Set(d, static_cast<float>(loss.delta));
  const auto squared = [&](VF x, VF y, VF& value, VF& slope) HWY_ATTR {
    const auto e = hn::Sub(x, y);
    value = hn::Mul(e, e);
    slope = hn::Add(e, e);
  };
  const auto absolute = [&](VF x, VF y, VF& value, VF& slope) HWY_ATTR {
    const auto e = hn::Sub(x, y);
    value = hn::Abs(e);
    slope = hn::IfThenElse(hn::Gt(value, zero), hn::CopySign(one, e), e);  // 0 and NaN stay
  };
  const auto huber = [&](VF x, VF y, VF& value, VF& slope) HWY_ATTR {
    const auto e = hn::Sub(x, y), size = hn::Abs(e);
    const auto square = hn::Mul(hn::Mul(half, e), e);
    const auto line = hn::Mul(delta, hn::NegMulAdd(half, delta, size));
    value = hn::IfThenElse(hn::Le(size, delta), square, line);
    slope = AtLeast(d, hn::Neg(delta), AtMost(d, delta, e));
  };
  const auto binary = [&](VF x, VF y, VF& value, VF& slope) HWY_ATTR {
    const auto e = Exp(d, hn::Neg(hn::Abs(x)));
    value = hn::Add(hn::NegMulAdd(x, y, AtLeast(d, zero, x)), Log1pOfUnit(d, e));
    const auto sigmoid = hn::Div(hn::IfThenElse(hn::Lt(x, zero), e, one), hn::Add(one, e));
    slope = hn::Sub(sigmoid, y);
  };
  const auto itself = [&](VF x, VF, VF& value, VF& slope) HWY_ATTR {
    value = x;
    slope = one;
  };
  switch (loss.kind) {
    case LossKind::Value:
      return EachElement(p, t, n, values, slopes, itself);
    case LossKind::MeanAbsoluteError:
      return EachElement(p, t, n, values, slopes, absolute);
    case LossKind::Huber:
      return EachElement(p, t, n, values, slopes, huber);
    case LossKind::BinaryCrossentropy:
      return EachElement(p, t, n, values, slopes, binary);
    default:
      return EachElement(p, t, n, values, slopes, squared);
  }
}

double Sum(const float* x, int64_t n) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const int64_t lanes = LanesOf(dd);
  auto sum0 = hn::Zero(dd), sum1 = hn::Zero(dd);
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    sum0 = hn::Add(sum0, hn::PromoteTo(dd, hn::LoadU(df, x + i)));
    sum1 = hn::Add(sum1, hn::PromoteTo(dd, hn::LoadU(df, x + i + lanes)));
  }
  double sum = hn::GetLane(hn::SumOfLanes(dd, hn::Add(sum0, sum1)));
  for (; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

void Scale(float factor, float* x, int64_t n) {
  const Floats d;
  const auto f = hn::Set(d, factor);
  Transform(
      d, n, x, [&](auto v) HWY_ATTR { return hn::Mul(v, f); }, x);
}

float Largest(const float* x, int64_t n) {
  const Floats d;
  const float lowest = -std::numeric_limits<float>::infinity();
  const int64_t lanes = LanesOf(d);
  auto max = hn::Set(d, lowest);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) max = hn::Max(max, hn::LoadU(d, x + i));
  if (i < n) max = hn::Max(max, LoadPart(d, x + i, n - i, lowest));
  return hn::GetLane(hn::MaxOfLanes(d, max));
}

// Sums in float over stretches short enough to keep their digits, in double over these.
Softmax SoftmaxRow(const float* p, const float* t, int64_t n, float* exps) {
  constexpr int64_t kStretch = 1024;
  const Floats d;
  const int64_t lanes = LanesOf(d);
  Softmax row{Largest(p, n), 0, 0, 0};
  const auto max = hn::Set(d, row.max);
  for (int64_t start = 0; start < n; start += kStretch) {
    const int64_t end = std::min(n, start + kStretch);
    auto sum = hn::Zero(d), total = hn::Zero(d), difference = hn::Zero(d);
    for (int64_t i = start; i < end; i += lanes) {
      const int64_t count = std::min(lanes, end - i);
      const bool whole = count == lanes;
      const auto x = whole ? hn::LoadU(d, p + i) : LoadPart(d, p + i, count, row.max);
      auto e = Exp(d, hn::Sub(x, max));
      if (!whole) e = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(count)), e);
      sum = hn::Add(sum, e);
      if (exps && whole) hn::StoreU(e, d, exps + i);
      if (exps && !whole) StorePart(e, d, exps + i, count);
      if (!t) continue;
      const auto y = whole ? hn::LoadU(d, t + i) : LoadPart(d, t + i, count, 0.0f);
      total = hn::Add(total, y);
      difference = hn::MulAdd(y, hn::Sub(max, x), difference);
    }
    row.sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
    row.total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, total)));
    row.difference += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, difference)));
  }
  return row;
}

void SoftmaxGradientRow(float* exps, const float* t, float factor, float targetFactor, int64_t n) {
  const Floats d;
  const auto f = hn::Set(d, factor), g = hn::Set(d, targetFactor);
  const auto gradient = [&](auto e, auto y) HWY_ATTR { return hn::NegMulAdd(y, g, hn::Mul(e, f)); };
  Transform(d, n, exps, gradient, exps, t);
}

int64_t ArgmaxRow(const float* x, int64_t n) {
  const Floats d;
  const float largest = Largest(x, n);
  const auto max = hn::Set(d, largest);
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const int64_t at = hn::FindFirstTrue(d, hn::Eq(hn::LoadU(d, x + i), max));
    if (at >= 0) return i + at;
  }
  for (; i < n; ++i) {
    if (x[i] == largest) return i;
  }
  return 0;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cpu {

HWY_EXPORT(ElementLosses);
void elementLosses(const LossAttributes& loss, const float* p, const float* t, int64_t n,
                   float* values, float* slopes) {
  HWY_DYNAMIC_DISPATCH(ElementLosses)(loss, p, t, n, values, slopes);
}

HWY_EXPORT(Sum);
double sumOf(const float* x, int64_t n) {
  if (n == 1) return static_cast<double>(*x);
  return HWY_DYNAMIC_DISPATCH(Sum)(x, n);
}

HWY_EXPORT(Scale);
void scaleBy(float factor, float* x, int64_t n) {
  if (n == 1) {
    *x *= factor;
    return;
  }
  HWY_DYNAMIC_DISPATCH(Scale)(factor, x, n);
}

HWY_EXPORT(SoftmaxRow);
Softmax softmaxOf(const float* p, const float* t, int64_t n, float* exps) {
  return HWY_DYNAMIC_DISPATCH(SoftmaxRow)(p, t, n, exps);
}

HWY_EXPORT(SoftmaxGradientRow);
void softmaxGradient(float* exps, const float* t, float factor, float targetFactor, int64_t n) {
  HWY_DYNAMIC_DISPATCH(SoftmaxGradientRow)(exps, t, factor, targetFactor, n);
}

HWY_EXPORT(ArgmaxRow);
int64_t argmaxOf(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(ArgmaxRow)(x, n); }

}  // namespace sluice::cpu
#endif  // HWY_ONCE
