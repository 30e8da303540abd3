// The LSTM's cell. Planes: gates i f g o, states h c; equations in docs/semantics.md.
#include "cpu/recurrent_cell.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/lstm_cell.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/recurrent_gates-inl.h"
#include "cpu/recurrent_norm-inl.h"

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

// h' = o act(LN(c')) of a row.
template <class Act>
HWY_INLINE void LstmNormalizedOutput(const Act& activation, const PlaneArgs& args, int64_t row) {
  const auto d = activation.d;
  float* next = args.next + row * args.ldH;
  const float* c = next + args.plane;
  const float* o = args.gates + row * args.ldGates + 3 * args.plane;
  float* hats = args.cellHats ? args.cellHats + row * args.ldSaved : nullptr;
  const float epsilon = static_cast<float>(args.attributes->epsilon);
  const RowNorm norm = NormOf(d, c, 1, args.units, args.width, epsilon);
  const auto mean = hn::Set(d, norm.mean), factor = hn::Set(d, norm.factor);
  EachVector(d, 1, args.units, args.width, [&](int64_t j, const auto& keep) HWY_ATTR {
    const auto hat = keep(hn::Mul(hn::Sub(hn::LoadU(d, c + j), mean), factor));
    if (hats) hn::StoreU(hat, d, hats + j);
    const auto sum =
        hn::MulAdd(hat, hn::LoadU(d, args.cellGamma + j), hn::LoadU(d, args.cellBeta + j));
    hn::StoreU(hn::Mul(hn::LoadU(d, o + j), activation.of(sum)), d, next + j);
  });
  if (hats) args.cellFactor[row * args.ldSaved] = norm.factor;
}

void LstmPlanes(const PlaneArgs& args) {
  const hn::ScalableTag<float> d;
  const int64_t plane = args.plane;
  const ActivationSpec& recurrent = args.attributes->recurrentActivation;
  for (int64_t row = 0; row < args.rows; ++row) {
    float* gates = args.gates + row * args.ldGates;
    const double clip = args.attributes->clip;
    ActivatePlane(recurrent, clip, gates, 2 * plane);
    ActivatePlane(args.attributes->activation, clip, gates + 2 * plane, plane);
    ActivatePlane(recurrent, clip, gates + 3 * plane, plane);
    if (args.saved)
      std::memcpy(args.saved + row * args.ldSaved, gates,
                  static_cast<size_t>(4 * plane) * sizeof(float));
  }
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  WithActivation(d, args.attributes->activation, [&](const auto& activation) HWY_ATTR {
    for (int64_t row = 0; row < args.rows; ++row) {
      const float* gates = args.gates + row * args.ldGates;
      const float* before = args.h + row * args.ldH + plane;
      float* next = args.next + row * args.ldH;
      for (int64_t j = 0; j < args.width; j += lanes) {
        const auto i = hn::LoadU(d, gates + j);
        const auto f = hn::LoadU(d, gates + plane + j);
        const auto g = hn::LoadU(d, gates + 2 * plane + j);
        const auto o = hn::LoadU(d, gates + 3 * plane + j);
        const auto c = hn::MulAdd(f, hn::LoadU(d, before + j), hn::Mul(i, g));
        hn::StoreU(c, d, next + plane + j);
        if (!args.cellGamma) hn::StoreU(hn::Mul(o, activation.of(c)), d, next + j);
      }
      if (args.cellGamma) LstmNormalizedOutput(activation, args, row);
    }
  });
}

template <class V>
struct LstmSlopes {
  V i, f, g, o;
};

// What follows from h' = o act(...): act's value, and c's gradient with what it gets through h'.
template <class V>
struct LstmOutput {
  V value, dc;
};

// slopes(j, i, f, g, o) gives the derivatives of the gates' activations at column j; output(j, dh
// o, dc) an LstmOutput.
template <class D, class Slopes, class Output>
HWY_INLINE void LstmGradientsWith(D d, const GateGradientArgs& args, const Slopes& slopes,
                                  const Output& output) {
  const int64_t plane = args.plane;
  float* gradients = args.gradients;
  for (int64_t j = 0; j < args.width; j += static_cast<int64_t>(hn::Lanes(d))) {
    const auto i = hn::LoadU(d, args.saved + j);
    const auto f = hn::LoadU(d, args.saved + plane + j);
    const auto g = hn::LoadU(d, args.saved + 2 * plane + j);
    const auto o = hn::LoadU(d, args.saved + 3 * plane + j);
    const auto slope = slopes(j, i, f, g, o);
    const auto dh = Delta(d, args, j);
    const auto after = output(j, hn::Mul(dh, o), hn::LoadU(d, args.dh + plane + j));
    hn::StoreU(hn::Mul(hn::Mul(after.dc, g), slope.i), d, gradients + j);
    hn::StoreU(hn::Mul(hn::Mul(after.dc, hn::LoadU(d, args.h + plane + j)), slope.f), d,
               gradients + plane + j);
    hn::StoreU(hn::Mul(hn::Mul(after.dc, i), slope.g), d, gradients + 2 * plane + j);
    hn::StoreU(hn::Mul(hn::Mul(dh, after.value), slope.o), d, gradients + 3 * plane + j);
    hn::StoreU(hn::Mul(after.dc, f), d, args.dh + plane + j);
  }
}

// With slopes as above.
template <class Act, class Slopes>
HWY_INLINE void LstmGradientsOf(const Act& activation, const GateGradientArgs& args,
                                const Slopes& slopes) {
  const auto d = activation.d;
  using V = hn::Vec<std::decay_t<decltype(d)>>;
  const int64_t plane = args.plane;
  if (!args.cellGamma) {
    LstmGradientsWith(d, args, slopes, [&](int64_t j, V dho, V dc) HWY_ATTR {
      const V value = activation.of(hn::LoadU(d, args.next + plane + j));
      return LstmOutput<V>{value, hn::MulAdd(dho, activation.slope(value), dc)};
    });
    return;
  }
  // The row's planes behind the cell's own (recurrent_norm.h) end with the gradient of act's
  // argument and that times the normalized c; the others wait for their turn.
  float* values = args.gradients + 4 * plane;
  float* dc = args.gradients + 5 * plane;
  float* dSum = args.gradients + (4 + 2 * 4) * plane;
  for (int64_t j = 0; j < args.width; j += static_cast<int64_t>(hn::Lanes(d))) {
    const V sum = hn::MulAdd(hn::LoadU(d, args.cellHats + j), hn::LoadU(d, args.cellGamma + j),
                             hn::LoadU(d, args.cellBeta + j));
    const V value = activation.of(sum);
    const V dho = hn::Mul(Delta(d, args, j), hn::LoadU(d, args.saved + 3 * plane + j));
    hn::StoreU(value, d, values + j);
    hn::StoreU(hn::Mul(dho, activation.slope(value)), d, dSum + j);
  }
  NormGradient(
      d, 1, args.columns, args.width, [&](int64_t) { return dSum; }, args.cellGamma, args.cellHats,
      args.cellFactor, [&](int64_t) { return dc; }, dSum + plane);
  LstmGradientsWith(d, args, slopes, [&](int64_t j, V, V before) HWY_ATTR {
    return LstmOutput<V>{hn::LoadU(d, values + j), hn::Add(before, hn::LoadU(d, dc + j))};
  });
}

void LstmGradients(const GateGradientArgs& args, const RecurrentAttributes& attributes) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  if (HasPlainGates(attributes)) {
    const Activation<ActivationKind::Tanh, decltype(d)> tanh(d, attributes.activation);
    const Activation<ActivationKind::Sigmoid, decltype(d)> sigmoid(d,
                                                                   attributes.recurrentActivation);
    LstmGradientsOf(tanh, args, [&](int64_t, V i, V f, V g, V o) HWY_ATTR {
      return LstmSlopes<V>{sigmoid.slope(i), sigmoid.slope(f), tanh.slope(g), sigmoid.slope(o)};
    });
    return;
  }
  // The slopes wait in the planes that their gradients will fill.
  const int64_t plane = args.plane;
  for (int64_t gate = 0; gate < 4; ++gate)
    SlopePlane(gate == 2 ? attributes.activation : attributes.recurrentActivation, attributes.clip,
               args.saved + gate * plane, args.gradients + gate * plane, args.width);
  const float* slopes = args.gradients;
  WithActivation(d, attributes.activation, [&](const auto& activation) HWY_ATTR {
    LstmGradientsOf(activation, args, [&](int64_t j, V, V, V, V) HWY_ATTR {
      return LstmSlopes<V>{hn::LoadU(d, slopes + j), hn::LoadU(d, slopes + plane + j),
                           hn::LoadU(d, slopes + 2 * plane + j),
                           hn::LoadU(d, slopes + 3 * plane + j)};
    });
  });
}

const RecurrentCell* LstmCell() {
  static constexpr RecurrentCell kCell = {.gates = 4,
                                          .states = 2,
                                          .saved = 4,
                                          .gradients = 4,
                                          .inputPlane = 0,
                                          .fused = LstmFused,
                                          .whyNotFused = WhyGatesNotFused,
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
