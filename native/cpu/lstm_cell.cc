// The LSTM's cell. Planes: gates i f g o, states h c; equations in docs/semantics.md.
#include "cpu/recurrent_cell.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/lstm_cell.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/recurrent_gates-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

void LstmFused(const FusedGatesArgs& args) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t group = 0; group < args.groups; ++group) {
    const float* products = args.products + group * args.ldProducts;
    const auto i = Sigmoid(d, hn::LoadU(d, products));
    const auto f = Sigmoid(d, hn::LoadU(d, products + lanes));
    const auto g = Tanh(d, hn::LoadU(d, products + 2 * lanes));
    const auto o = Sigmoid(d, hn::LoadU(d, products + 3 * lanes));
    const auto before = hn::LoadU(d, args.h + group * args.ldH + args.plane);
    const auto c = hn::MulAdd(f, before, hn::Mul(i, g));
    const auto next = hn::Mul(o, Tanh(d, c));
    hn::StoreU(next, d, args.next + group * args.ldH);
    hn::StoreU(c, d, args.next + group * args.ldH + args.plane);
    StoreOutput(d, args, group, next);
    if (args.saved) {
      float* saved = args.saved + group * args.ldSaved;
      hn::StoreU(i, d, saved);
      hn::StoreU(f, d, saved + args.plane);
      hn::StoreU(g, d, saved + 2 * args.plane);
      hn::StoreU(o, d, saved + 3 * args.plane);
    }
  }
}

void LstmPlanes(const PlaneArgs& args) {
  const hn::ScalableTag<float> d;
  const int64_t plane = args.plane;
  const ActivationSpec& recurrent = args.attributes->recurrentActivation;
  for (int64_t row = 0; row < args.rows; ++row) {
    float* gates = args.gates + row * args.ldGates;
    ActivatePlane(recurrent, gates, 2 * plane);
    ActivatePlane(args.attributes->activation, gates + 2 * plane, plane);
    ActivatePlane(recurrent, gates + 3 * plane, plane);
    if (args.saved)
      std::memcpy(args.saved + row * args.ldSaved, gates,
                  static_cast<size_t>(4 * plane) * sizeof(float));
  }
  WithActivation(d, args.attributes->activation, [&](const auto& activation) HWY_ATTR {
    for (int64_t row = 0; row < args.rows; ++row) {
      const float* gates = args.gates + row * args.ldGates;
      const float* before = args.h + row * args.ldH + plane;
      float* next = args.next + row * args.ldH;
      for (int64_t j = 0; j < args.width; j += static_cast<int64_t>(hn::Lanes(d))) {
        const auto i = hn::LoadU(d, gates + j);
        const auto f = hn::LoadU(d, gates + plane + j);
        const auto g = hn::LoadU(d, gates + 2 * plane + j);
        const auto o = hn::LoadU(d, gates + 3 * plane + j);
        const auto c = hn::MulAdd(f, hn::LoadU(d, before + j), hn::Mul(i, g));
        hn::StoreU(c, d, next + plane + j);
        hn::StoreU(hn::Mul(o, activation.of(c)), d, next + j);
      }
    }
  });
}

template <class V>
struct LstmSlopes {
  V i, f, g, o;
};

// slopes(j, i, f, g, o) gives the derivatives of the gates' activations at column j; `activation`
// is that of c.
template <class Act, class Slopes>
HWY_INLINE void LstmGradientsWith(const Act& activation, const GateGradientArgs& args,
                                  const Slopes& slopes) {
  const auto d = activation.d;
  const int64_t plane = args.plane;
  float* gradients = args.gradients;
  for (int64_t j = 0; j < args.width; j += static_cast<int64_t>(hn::Lanes(d))) {
    const auto i = hn::LoadU(d, args.saved + j);
    const auto f = hn::LoadU(d, args.saved + plane + j);
    const auto g = hn::LoadU(d, args.saved + 2 * plane + j);
    const auto o = hn::LoadU(d, args.saved + 3 * plane + j);
    const auto slope = slopes(j, i, f, g, o);
    const auto after = activation.of(hn::LoadU(d, args.next + plane + j));
    const auto dh = Delta(d, args, j);
    const auto dc =
        hn::MulAdd(hn::Mul(dh, o), activation.slope(after), hn::LoadU(d, args.dh + plane + j));
    hn::StoreU(hn::Mul(hn::Mul(dc, g), slope.i), d, gradients + j);
    hn::StoreU(hn::Mul(hn::Mul(dc, hn::LoadU(d, args.h + plane + j)), slope.f), d,
               gradients + plane + j);
    hn::StoreU(hn::Mul(hn::Mul(dc, i), slope.g), d, gradients + 2 * plane + j);
    hn::StoreU(hn::Mul(hn::Mul(dh, after), slope.o), d, gradients + 3 * plane + j);
    hn::StoreU(hn::Mul(dc, f), d, args.dh + plane + j);
  }
}

void LstmGradients(const GateGradientArgs& args, const RecurrentAttributes& attributes) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  if (IsTanhAndSigmoid(attributes)) {
    const Activation<ActivationKind::Tanh, decltype(d)> tanh(d, attributes.activation);
    const Activation<ActivationKind::Sigmoid, decltype(d)> sigmoid(d,
                                                                   attributes.recurrentActivation);
    LstmGradientsWith(tanh, args, [&](int64_t, V i, V f, V g, V o) HWY_ATTR {
      return LstmSlopes<V>{sigmoid.slope(i), sigmoid.slope(f), tanh.slope(g), sigmoid.slope(o)};
    });
    return;
  }
  // The slopes wait in the planes that their gradients will fill.
  const int64_t plane = args.plane;
  for (int64_t gate = 0; gate < 4; ++gate)
    SlopePlane(gate == 2 ? attributes.activation : attributes.recurrentActivation,
               args.saved + gate * plane, args.gradients + gate * plane, args.width);
  const float* slopes = args.gradients;
  WithActivation(d, attributes.activation, [&](const auto& activation) HWY_ATTR {
    LstmGradientsWith(activation, args, [&](int64_t j, V, V, V, V) HWY_ATTR {
      return LstmSlopes<V>{hn::LoadU(d, slopes + j), hn::LoadU(d, slopes + plane + j),
                           hn::LoadU(d, slopes + 2 * plane + j),
                           hn::LoadU(d, slopes + 3 * plane + j)};
    });
  });
}

bool LstmIsFused(const RecurrentAttributes& attributes) {
  return IsTanhAndSigmoid(attributes) && !attributes.gateMasks;
}

const RecurrentCell* LstmCell() {
  static constexpr RecurrentCell kCell = {.gates = 4,
                                          .states = 2,
                                          .saved = 4,
                                          .gradients = 4,
                                          .inputPlane = 0,
                                          .isFused = LstmIsFused,
                                          .fused = LstmFused,
                                          .planes = LstmPlanes,
                                          .gateGradients = LstmGradients};
  return &kCell;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cpu {

HWY_EXPORT(LstmCell);

const RecurrentCell& lstmCell() noexcept { return *HWY_DYNAMIC_DISPATCH(LstmCell)(); }

}  // namespace sluice::cpu
#endif
