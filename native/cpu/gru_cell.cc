// The GRU's cell. Planes: gates z r h, saved z r n q, gate gradients dq dz dr dn; equations in
// docs/semantics.md. q is what meets the candidate's recurrent weights: h R + c with resetAfter,
// else r h.
#include "cpu/recurrent_cell.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gru_cell.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/gru_gradients-inl.h"
#include "cpu/recurrent_gates-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

template <bool kReplace, class V>
HWY_INLINE V Blend(V z, V h, V n) {
  return kReplace ? hn::MulAdd(z, hn::Sub(n, h), h) : hn::MulAdd(z, hn::Sub(h, n), n);
}

template <bool kReplace>
void FusedGatesOf(const FusedGatesArgs& args) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t g = 0; g < args.groups; ++g) {
    const float* products = args.products + g * args.ldProducts;
    const auto z = Sigmoid(d, hn::LoadU(d, products));
    const auto r = Sigmoid(d, hn::LoadU(d, products + lanes));
    const auto q = hn::LoadU(d, products + 2 * lanes);
    const auto n = Tanh(d, hn::MulAdd(r, q, hn::LoadU(d, args.x + g * args.ldX)));
    const auto next = Blend<kReplace>(z, hn::LoadU(d, args.h + g * args.ldH), n);
    hn::StoreU(next, d, args.next + g * args.ldH);
    StoreOutput(d, args, g, next);
    if (args.saved) {
      float* saved = args.saved + g * args.ldSaved;
      hn::StoreU(z, d, saved);
      hn::StoreU(r, d, saved + args.plane);
      hn::StoreU(n, d, saved + 2 * args.plane);
      hn::StoreU(q, d, saved + 3 * args.plane);
    }
  }
}

void FusedGates(const FusedGatesArgs& args) {
  args.replace ? FusedGatesOf<true>(args) : FusedGatesOf<false>(args);
}

void BeforeCandidate(const PlaneArgs& args) {
  const hn::ScalableTag<float> d;
  for (int64_t row = 0; row < args.rows; ++row)
    ActivatePlane(args.attributes->recurrentActivation, args.attributes->clip,
                  args.gates + row * args.ldGates, 2 * args.width);
  if (args.attributes->resetAfter) return;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* r = args.gates + row * args.ldGates + args.width;
    for (int64_t i = 0; i < args.width; i += static_cast<int64_t>(hn::Lanes(d)))
      hn::StoreU(
          hn::Mul(hn::LoadU(d, r + i), hn::LoadU(d, args.candidateH + row * args.ldCandidateH + i)),
          d, args.q + row * args.ldQ + i);
  }
}

template <class Act>
HWY_INLINE void CandidateRow(const Act& activation, const PlaneArgs& args, int64_t row) {
  const hn::ScalableTag<float> d;
  const int64_t width = args.width;
  const float* z = args.gates + row * args.ldGates;
  const float* r = z + width;
  const float* x = r + width;
  const float* q = args.q + row * args.ldQ;
  const float* h = args.h + row * args.ldH;
  float* next = args.next + row * args.ldH;
  float* saved = args.saved ? args.saved + row * args.ldSaved : nullptr;
  for (int64_t i = 0; i < width; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto vz = hn::LoadU(d, z + i);
    const auto vr = hn::LoadU(d, r + i);
    const auto vq = hn::LoadU(d, q + i);
    const auto vx = hn::LoadU(d, x + i);
    const auto n = activation.of(args.attributes->resetAfter ? hn::MulAdd(vr, vq, vx) : vx);
    const auto vh = hn::LoadU(d, h + i);
    hn::StoreU(args.attributes->replace ? Blend<true>(vz, vh, n) : Blend<false>(vz, vh, n), d,
               next + i);
    if (saved) {
      hn::StoreU(vz, d, saved + i);
      hn::StoreU(vr, d, saved + width + i);
      hn::StoreU(n, d, saved + 2 * width + i);
      hn::StoreU(vq, d, saved + 3 * width + i);
    }
  }
}

void Candidate(const PlaneArgs& args) {
  WithGateActivation(hn::ScalableTag<float>(), args.attributes->activation, args.attributes->clip,
                     [&](const auto& activation) HWY_ATTR {
                       for (int64_t row = 0; row < args.rows; ++row)
                         CandidateRow(activation, args, row);
                     });
}

const char* GruWhyNotFused(const RecurrentAttributes& attributes) {
  if (attributes.resetAfter == 0)
    return "with resetAfter: false the candidate's product waits for the reset gate";
  return WhyGatesNotFused(attributes);
}

const RecurrentCell* GruCell() {
  static constexpr RecurrentCell kCell = {.gates = 3,
                                          .states = 1,
                                          .saved = 4,
                                          .gradients = 4,
                                          .inputPlane = 1,
                                          .fused = FusedGates,
                                          .whyNotFused = GruWhyNotFused,
                                          .beforeCandidate = BeforeCandidate,
                                          .planes = Candidate,
                                          .gateGradients = GateGradients,
                                          .resetGradients = ResetGradients,
                                          .addsToGradient = true};
  return &kCell;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cpu {

HWY_EXPORT(GruCell);

const RecurrentCell& gruCell() noexcept { return *HWY_DYNAMIC_DISPATCH(GruCell)(); }

}  // namespace sluice::cpu
#endif
