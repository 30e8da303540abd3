// A GRU's gate gradients of one row and step.
#if defined(SLUICE_CPU_GRU_GRADIENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SLUICE_CPU_GRU_GRADIENTS_INL_H_
#undef SLUICE_CPU_GRU_GRADIENTS_INL_H_
#else
#define SLUICE_CPU_GRU_GRADIENTS_INL_H_
#endif

#include "cpu/recurrent_gates-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// slopes(i, z, r, n) gives the derivatives of the three activations at column i.
template <bool kReplace, class Slopes>
HWY_INLINE void GradientsWith(const GateGradientArgs& args, bool resetAfter, const Slopes& slopes) {
  const hn::ScalableTag<float> d;
  const auto one = hn::Set(d, 1.0f);
  const int64_t width = args.width;
  const int64_t plane = args.plane;
  float* dq = args.gradients;
  float* dz = dq + plane;
  float* dr = dz + plane;
  float* dn = dr + plane;
  for (int64_t i = 0; i < width; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto z = hn::LoadU(d, args.saved + i);
    const auto r = hn::LoadU(d, args.saved + plane + i);
    const auto n = hn::LoadU(d, args.saved + 2 * plane + i);
    const auto h = hn::LoadU(d, args.h + i);
    const auto slope = slopes(i, z, r, n);
    const auto delta = Delta(d, args, i);
    const auto rest = hn::Sub(one, z);
    const auto gn = hn::Mul(hn::Mul(delta, kReplace ? z : rest), slope.n);
    const auto gz = hn::Mul(hn::Mul(delta, kReplace ? hn::Sub(n, h) : hn::Sub(h, n)), slope.z);
    hn::StoreU(hn::Mul(delta, kReplace ? rest : z), d, args.dh + i);
    if (resetAfter) {
      hn::StoreU(hn::Mul(gn, r), d, dq + i);
      hn::StoreU(hn::Mul(hn::Mul(gn, hn::LoadU(d, args.saved + 3 * plane + i)), slope.r), d,
                 dr + i);
    }
    hn::StoreU(gz, d, dz + i);
    hn::StoreU(gn, d, dn + i);
  }
}

template <class V>
struct GateSlopes {
  V z, r, n;
};

template <bool kReplace>
void GateGradientsOf(const GateGradientArgs& args, const RecurrentAttributes& attributes) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const bool resetAfter = attributes.resetAfter != 0;
  if (HasPlainGates(attributes)) {
    const Activation<ActivationKind::Tanh, decltype(d)> tanh(d, attributes.activation);
    const Activation<ActivationKind::Sigmoid, decltype(d)> sigmoid(d,
                                                                   attributes.recurrentActivation);
    GradientsWith<kReplace>(args, resetAfter, [&](int64_t, V z, V r, V n) HWY_ATTR {
      return GateSlopes<V>{sigmoid.slope(z), sigmoid.slope(r), tanh.slope(n)};
    });
    return;
  }
  // The slopes wait in the planes that their gradients will fill.
  const int64_t plane = args.plane;
  float* slopes = args.gradients + plane;
  const auto slope = [&](const ActivationSpec& spec, int64_t gate) {
    SlopePlane(spec, attributes.clip, args.saved + gate * plane, slopes + gate * plane, args.width);
  };
  slope(attributes.recurrentActivation, 0);
  slope(attributes.recurrentActivation, 1);
  slope(attributes.activation, 2);
  GradientsWith<kReplace>(args, resetAfter, [&](int64_t i, V, V, V) HWY_ATTR {
    return GateSlopes<V>{hn::LoadU(d, slopes + i), hn::LoadU(d, slopes + plane + i),
                         hn::LoadU(d, slopes + 2 * plane + i)};
  });
}

inline void GateGradients(const GateGradientArgs& args, const RecurrentAttributes& attributes) {
  attributes.replace ? GateGradientsOf<true>(args, attributes)
                     : GateGradientsOf<false>(args, attributes);
}

// dr = dq h slope(r), dh += dq r, where dq is the gradient of r h.
inline void ResetGradients(const GateGradientArgs& args, const RecurrentAttributes& attributes) {
  const hn::ScalableTag<float> d;
  const int64_t width = args.width;
  const float* r = args.saved + args.plane;
  float* dr = args.gradients + 2 * args.plane;
  SlopePlane(attributes.recurrentActivation, attributes.clip, r, dr, width);
  for (int64_t i = 0; i < width; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto dq = hn::LoadU(d, args.dq + i);
    const auto h = hn::LoadU(d, args.h + i);
    hn::StoreU(hn::Mul(hn::Mul(dq, h), hn::LoadU(d, dr + i)), d, dr + i);
    hn::StoreU(hn::MulAdd(dq, hn::LoadU(d, r + i), hn::LoadU(d, args.dh + i)), d, args.dh + i);
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SLUICE_CPU_GRU_GRADIENTS_INL_H_
