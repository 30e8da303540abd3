// What the gates of all cells use; see recurrent_cell.h. Included once per Highway target.
#if defined(SLUICE_CPU_RECURRENT_GATES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_CPU_RECURRENT_GATES_INL_H_
#undef SLUICE_CPU_RECURRENT_GATES_INL_H_
#else
#define SLUICE_CPU_RECURRENT_GATES_INL_H_
#endif

#include <cstring>
#include <type_traits>

#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"
#include "cpu/recurrent_cell.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// The first `count` lanes from memory that may end there, zeros behind.
template <class D>
HWY_INLINE hn::Vec<D> LoadFirst(D d, const float* from, int64_t count) {
  return count >= LanesOf(d) ? hn::LoadU(d, from) : LoadPart(d, from, count, 0.0f);
}

// The new state of a group where a sequence is wanted; it stands in args.next already.
template <class D>
HWY_INLINE void StoreOutput(D d, const FusedGatesArgs& args, int64_t group, hn::Vec<D> next) {
  if (!args.y) return;
  float* y = args.y + group * args.ldY;
  if (args.columns == static_cast<int64_t>(hn::Lanes(d)))
    hn::StoreU(next, d, y);
  else
    std::memcpy(y, args.next + group * args.ldH, static_cast<size_t>(args.columns) * sizeof(float));
}

// The gradient of the state after the step: what came back through time and what its output got.
template <class D>
HWY_INLINE hn::Vec<D> Delta(D d, const GateGradientArgs& args, int64_t i) {
  const auto delta = hn::LoadU(d, args.dh + i);
  return args.dy ? hn::Add(delta, LoadFirst(d, args.dy + i, args.columns - i)) : delta;
}

// The activation of a gate, whose sum stays within -clip and clip; 0: where it is.
template <class Act>
struct GateActivation {
  using V = hn::Vec<decltype(Act::d)>;
  Act act;
  bool clips;
  V bound, low, high;

  GateActivation(const Act& activation, double clip)
      : act(activation),
        clips(clip > 0),
        bound(hn::Set(act.d, static_cast<float>(clip))),
        low(clips ? act.of(hn::Neg(bound)) : bound),
        high(clips ? act.of(bound) : bound) {}

  HWY_INLINE V of(V x) const {
    return act.of(clips ? AtLeast(act.d, hn::Neg(bound), AtMost(act.d, bound, x)) : x);
  }
  HWY_INLINE V slope(V y) const {
    const V slope = act.slope(y);
    if (!clips) return slope;
    return hn::IfThenZeroElse(hn::Or(hn::Le(y, low), hn::Ge(y, high)), slope);
  }
};

template <class D, class Use>
HWY_INLINE void WithGateActivation(D d, const ActivationSpec& spec, double clip, Use&& use) {
  WithActivation(d, spec, [&](const auto& activation) HWY_ATTR {
    use(GateActivation<std::decay_t<decltype(activation)>>(activation, clip));
  });
}

// y = f(x), x being y's place, for activations that are known at run time only.
inline void ActivatePlane(const ActivationSpec& spec, double clip, float* x, int64_t width) {
  const hn::ScalableTag<float> d;
  WithGateActivation(d, spec, clip, [&](const auto& activation) HWY_ATTR {
    for (int64_t i = 0; i < width; i += static_cast<int64_t>(hn::Lanes(d)))
      hn::StoreU(activation.of(hn::LoadU(d, x + i)), d, x + i);
  });
}

// The derivatives of an activation from its values.
inline void SlopePlane(const ActivationSpec& spec, double clip, const float* y, float* slope,
                       int64_t width) {
  const hn::ScalableTag<float> d;
  WithGateActivation(d, spec, clip, [&](const auto& activation) HWY_ATTR {
    for (int64_t i = 0; i < width; i += static_cast<int64_t>(hn::Lanes(d)))
      hn::StoreU(activation.slope(hn::LoadU(d, y + i)), d, slope + i);
  });
}

// Tanh and sigmoid of the sums as they are.
inline bool HasPlainGates(const RecurrentAttributes& attributes) {
  return attributes.clip == 0 && attributes.activation.kind == ActivationKind::Tanh &&
         attributes.recurrentActivation.kind == ActivationKind::Sigmoid;
}

// RecurrentCell::whyNotFused, as far as it is the same for all cells.
inline const char* WhyGatesNotFused(const RecurrentAttributes& attributes) {
  if (attributes.layerNorm) return "with layerNorm the gates need whole rows of the product";
  if (attributes.gateMasks)
    return "recurrentDropout gives each gate a mask, and with it a product, of its own";
  if (!HasPlainGates(attributes))
    return "only tanh and sigmoid, not clipped, are computed where the product stands";
  return nullptr;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_CPU_RECURRENT_GATES_INL_H_
