// Vector functions of float: exp, log1p, sigmoid, tanh and the other activations of op.h with their
// derivatives. Included once per Highway target; see simd.h for the targets.
//
// Bounds (measured over all exponents, every target; test/native/cpu/math_test.cc): Exp 2 ulp where
// the result is normal; Sigmoid 4 ulp where the result is above 2^-60 and 1e-18 absolute below;
// Tanh 2 ulp; exact limits at +-infinity; NaN passes through.
#if defined(SLUICE_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_CPU_MATH_INL_H_
#undef SLUICE_CPU_MATH_INL_H_
#else
#define SLUICE_CPU_MATH_INL_H_
#endif

#include "engine/backend/op.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The smaller (larger) of limit and x; NaN where x is NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtMost(D, V limit, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Min(limit, x);  // minps returns its second operand when one is NaN
#else
  return hn::IfThenElse(hn::Lt(limit, x), limit, x);
#endif
}
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtLeast(D, V limit, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(limit, x);
#else
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
#endif
}

// x = n ln2 + r with |r| <= ln2 / 2, and tail = e^r - 1 - r (Cephes' expf polynomial).
template <class D>
struct ExpParts {
  hn::Vec<D> r;
  hn::Vec<D> tail;
  hn::Vec<hn::RebindToSigned<D>> n;
};
template <class D, class V = hn::Vec<D>>
HWY_INLINE ExpParts<D> SplitExp(D d, V x) {
  const auto n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504088896341f)));
  const V count = hn::ConvertTo(d, n);
  V r = hn::NegMulAdd(count, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(count, hn::Set(d, -2.12194440e-4f), r);
  V p = hn::Set(d, 1.9875691500e-4f);
  p = hn::MulAdd(p, r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  return {r, hn::Mul(p, hn::Mul(r, r)), n};
}

// 2^n for -127 <= n <= 128, where the ends stand for 0 and infinity.
template <class D, class N>
HWY_INLINE hn::Vec<D> PowerOfTwo(D d, N n) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  // Far enough out for 0 and infinity; 2^n is applied in two halves because it may leave the range.
  x = AtLeast(d, hn::Set(d, -104.0f), AtMost(d, hn::Set(d, 89.0f), x));
  const auto parts = SplitExp(d, x);
  const auto half = hn::ShiftRight<1>(parts.n);
  const V y = hn::Add(hn::Add(parts.tail, parts.r), hn::Set(d, 1.0f));
  return hn::Mul(hn::Mul(y, PowerOfTwo(d, half)), PowerOfTwo(d, hn::Sub(parts.n, half)));
}

// e^x - 1 for x <= 0, exact to the last bits near 0 too.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1OfNegative(D d, V x) {
  const auto parts = SplitExp(d, AtLeast(d, hn::Set(d, -30.0f), x));
  const V scale = PowerOfTwo(d, parts.n);
  const V below = hn::Sub(scale, hn::Set(d, 1.0f));
  return hn::MulAdd(scale, hn::Add(parts.tail, parts.r), below);
}

// log(1 + u) for 0 <= u <= 1 (Cephes' logf polynomial).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1pOfUnit(D d, V u) {
  const V one = hn::Set(d, 1.0f);
  // For u above sqrt(2) - 1, log(1 + u) = ln2 + log(1 + w) with w = (u - 1) / 2.
  const auto high = hn::Gt(u, hn::Set(d, 0.41421356237f));
  const V w = hn::IfThenElse(high, hn::Mul(hn::Sub(u, one), hn::Set(d, 0.5f)), u);
  V p = hn::Set(d, 7.0376836292e-2f);
  p = hn::MulAdd(p, w, hn::Set(d, -1.1514610310e-1f));
  p = hn::MulAdd(p, w, hn::Set(d, 1.1676998740e-1f));
  p = hn::MulAdd(p, w, hn::Set(d, -1.2420140846e-1f));
  p = hn::MulAdd(p, w, hn::Set(d, 1.4249322787e-1f));
  p = hn::MulAdd(p, w, hn::Set(d, -1.6668057665e-1f));
  p = hn::MulAdd(p, w, hn::Set(d, 2.0000714765e-1f));
  p = hn::MulAdd(p, w, hn::Set(d, -2.4999993993e-1f));
  p = hn::MulAdd(p, w, hn::Set(d, 3.3333331174e-1f));
  const V square = hn::Mul(w, w);
  V y = hn::Mul(hn::Mul(p, square), w);
  y = hn::MulAdd(square, hn::Set(d, -0.5f), y);
  y = hn::Add(w, y);
  return hn::Add(y, hn::IfThenElseZero(high, hn::Set(d, 0.69314718056f)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  // e^-x; above the upper limit 2^n is infinity, so that the limit of sigmoid is 0 itself.
  const V minus = AtLeast(d, hn::Set(d, -87.0f), AtMost(d, hn::Set(d, 88.7f), hn::Neg(x)));
  const auto parts = SplitExp(d, minus);
  const V y = hn::Add(hn::Add(parts.tail, parts.r), one);
  return hn::Div(one, hn::MulAdd(y, PowerOfTwo(d, parts.n), one));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  // (1 - e) / (1 + e) with e = e^(-2|x|), written with e - 1, which keeps its digits near 0.
  const V one = hn::Set(d, 1.0f);
  const auto parts =
      SplitExp(d, AtLeast(d, hn::Set(d, -30.0f), hn::Mul(hn::Abs(x), hn::Set(d, -2.0f))));
  const V scale = PowerOfTwo(d, parts.n);
  const V sum = hn::Add(parts.tail, parts.r);
  const V minus = hn::MulAdd(scale, sum, hn::Sub(scale, one));
  const V plus = hn::MulAdd(scale, sum, hn::Add(scale, one));
  const V y = hn::Div(minus, plus);
  return hn::CopySign(y, x);
}

// The distribution function of the normal distribution. erfc(z) = t e^(-z^2 + p(t)) for z >= 0 with
// t = 1 / (1 + z/2) (Numerical Recipes, erfcc): the small tail keeps its digits.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V NormalDistribution(D d, V x) {
  const V one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
  const V z = hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678118654752f));
  const V t = hn::Div(one, hn::MulAdd(half, z, one));
  V p = hn::Set(d, 0.17087277f);
  p = hn::MulAdd(p, t, hn::Set(d, -0.82215223f));
  p = hn::MulAdd(p, t, hn::Set(d, 1.48851587f));
  p = hn::MulAdd(p, t, hn::Set(d, -1.13520398f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.27886807f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.18628806f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.09678418f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.37409196f));
  p = hn::MulAdd(p, t, hn::Set(d, 1.00002368f));
  p = hn::MulAdd(p, t, hn::Set(d, -1.26551223f));
  const V tail = hn::Mul(hn::Mul(half, t), Exp(d, hn::NegMulAdd(z, z, p)));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
}

// One activation with its parameters spread over a vector. of(x) is the function, slope(v) the
// derivative as a function of the output, or of the input where needsInput (see op.h).
template <ActivationKind kKind, class D>
struct Activation {
  using V = hn::Vec<D>;
  using Kind = ActivationKind;

  D d;
  V alpha;
  V beta;
  Activation(D tag, const ActivationSpec& spec)
      : d(tag),
        alpha(hn::Set(tag, static_cast<float>(spec.alpha))),
        beta(hn::Set(tag, static_cast<float>(spec.beta))) {}

  HWY_INLINE V of(V x) const {
    const V zero = hn::Zero(d);
    const V one = hn::Set(d, 1.0f);
    if constexpr (kKind == Kind::Tanh) return Tanh(d, x);
    if constexpr (kKind == Kind::Sigmoid) return Sigmoid(d, x);
    if constexpr (kKind == Kind::Relu) return AtLeast(d, zero, x);
    if constexpr (kKind == Kind::Softsign) {  // clamped, because infinity over infinity is NaN
      const V finite = AtLeast(d, hn::Set(d, -1e30f), AtMost(d, hn::Set(d, 1e30f), x));
      return hn::Div(finite, hn::Add(one, hn::Abs(finite)));
    }
    if constexpr (kKind == Kind::Softplus)
      return hn::Add(AtLeast(d, zero, x), Log1pOfUnit(d, Exp(d, hn::Neg(hn::Abs(x)))));
    if constexpr (kKind == Kind::Elu)
      return hn::IfThenElse(hn::Gt(x, zero), x,
                            hn::Mul(alpha, Expm1OfNegative(d, AtMost(d, zero, x))));
    if constexpr (kKind == Kind::LeakyRelu)
      return hn::IfThenElse(hn::Gt(x, zero), x, hn::Mul(alpha, x));
    if constexpr (kKind == Kind::HardSigmoid)
      return AtMost(d, one, AtLeast(d, zero, hn::MulAdd(alpha, x, beta)));
    if constexpr (kKind == Kind::Exponential) return Exp(d, x);
    if constexpr (kKind == Kind::Selu)
      return hn::Mul(hn::Set(d, static_cast<float>(kSeluScale)),
                     hn::IfThenElse(hn::Gt(x, zero), x,
                                    hn::Mul(hn::Set(d, static_cast<float>(kSeluAlpha)),
                                            Expm1OfNegative(d, AtMost(d, zero, x)))));
    // -infinity times 0 would be NaN; from -104 on the result is 0 in any case.
    if constexpr (kKind == Kind::Silu)
      return hn::Mul(AtLeast(d, hn::Set(d, -104.0f), x), Sigmoid(d, x));
    if constexpr (kKind == Kind::Gelu)
      return hn::Mul(AtLeast(d, hn::Set(d, -104.0f), x), NormalDistribution(d, x));
    return x;
  }

  HWY_INLINE V slope(V y) const {
    const V zero = hn::Zero(d);
    const V one = hn::Set(d, 1.0f);
    if constexpr (kKind == Kind::Tanh) return hn::NegMulAdd(y, y, one);
    if constexpr (kKind == Kind::Sigmoid) return hn::Mul(y, hn::Sub(one, y));
    if constexpr (kKind == Kind::Relu) return hn::IfThenElseZero(hn::Gt(y, zero), one);
    if constexpr (kKind == Kind::Softsign) {
      const V rest = hn::Sub(one, hn::Abs(y));
      return hn::Mul(rest, rest);
    }
    if constexpr (kKind == Kind::Softplus) return hn::Neg(Expm1OfNegative(d, hn::Neg(y)));
    if constexpr (kKind == Kind::Elu)
      return hn::IfThenElse(hn::Gt(y, zero), one, hn::Add(y, alpha));
    if constexpr (kKind == Kind::LeakyRelu) return hn::IfThenElse(hn::Gt(y, zero), one, alpha);
    if constexpr (kKind == Kind::HardSigmoid)
      return hn::IfThenElseZero(hn::And(hn::Gt(y, zero), hn::Lt(y, one)), alpha);
    if constexpr (kKind == Kind::Exponential) return y;
    if constexpr (kKind == Kind::Selu)
      return hn::IfThenElse(hn::Gt(y, zero), hn::Set(d, static_cast<float>(kSeluScale)),
                            hn::Add(y, hn::Set(d, static_cast<float>(kSeluScale * kSeluAlpha))));
    if constexpr (kKind == Kind::Silu || kKind == Kind::Gelu) {
      // Far out both derivatives are 0 and 1.
      const V x = AtLeast(d, hn::Set(d, -104.0f), AtMost(d, hn::Set(d, 104.0f), y));
      if constexpr (kKind == Kind::Silu)  // 1 - sigmoid(x), written so that it keeps its digits
        return hn::Mul(Sigmoid(d, x), hn::MulAdd(x, Sigmoid(d, hn::Neg(x)), one));
      const V density = hn::Mul(hn::Set(d, 0.39894228040143268f),
                                Exp(d, hn::Mul(hn::Set(d, -0.5f), hn::Mul(x, x))));
      return hn::MulAdd(x, density, NormalDistribution(d, x));
    }
    return one;
  }
};

// Calls use(Activation) with the activation that spec names, one that fits cells.
template <class D, class Use>
HWY_INLINE void WithActivation(D d, const ActivationSpec& spec, Use&& use) {
  using Kind = ActivationKind;
  switch (spec.kind) {
    case Kind::Linear:
      return use(Activation<Kind::Linear, D>(d, spec));
    case Kind::Tanh:
      return use(Activation<Kind::Tanh, D>(d, spec));
    case Kind::Sigmoid:
      return use(Activation<Kind::Sigmoid, D>(d, spec));
    case Kind::Relu:
      return use(Activation<Kind::Relu, D>(d, spec));
    case Kind::Softsign:
      return use(Activation<Kind::Softsign, D>(d, spec));
    case Kind::Softplus:
      return use(Activation<Kind::Softplus, D>(d, spec));
    case Kind::Elu:
      return use(Activation<Kind::Elu, D>(d, spec));
    case Kind::LeakyRelu:
      return use(Activation<Kind::LeakyRelu, D>(d, spec));
    case Kind::HardSigmoid:
      return use(Activation<Kind::HardSigmoid, D>(d, spec));
    default:  // refused before
      return;
  }
}

// Any activation. The kernels of cells call the one above, as each activation there costs code.
template <class D, class Use>
HWY_INLINE void WithAnyActivation(D d, const ActivationSpec& spec, Use&& use) {
  using Kind = ActivationKind;
  switch (spec.kind) {
    case Kind::Exponential:
      return use(Activation<Kind::Exponential, D>(d, spec));
    case Kind::Selu:
      return use(Activation<Kind::Selu, D>(d, spec));
    case Kind::Silu:
      return use(Activation<Kind::Silu, D>(d, spec));
    case Kind::Gelu:
      return use(Activation<Kind::Gelu, D>(d, spec));
    default:
      return WithActivation(d, spec, use);
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_CPU_MATH_INL_H_
