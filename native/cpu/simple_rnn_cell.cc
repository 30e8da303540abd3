// The simple recurrent cell: one plane, h' = act(x W + h R + b), whose derivative follows from h'.
#include "cpu/recurrent_cell.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/simple_rnn_cell.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/recurrent_gates-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

void RnnPlanes(const PlaneArgs& args) {
  const hn::ScalableTag<float> d;
  WithGateActivation(
      d, args.attributes->activation, args.attributes->clip, [&](const auto& activation) HWY_ATTR {
        for (int64_t row = 0; row < args.rows; ++row) {
          const float* sum = args.gates + row * args.ldGates;
          float* next = args.next + row * args.ldH;
          for (int64_t i = 0; i < args.width; i += static_cast<int64_t>(hn::Lanes(d)))
            hn::StoreU(activation.of(hn::LoadU(d, sum + i)), d, next + i);
          if (args.saved && args.attributes->zoneout > 0)
            std::memcpy(args.saved + row * args.ldSaved, next,
                        static_cast<size_t>(args.width) * sizeof(float));
        }
      });
}

void RnnGradients(const GateGradientArgs& args, const RecurrentAttributes& attributes) {
  const hn::ScalableTag<float> d;
  const float* next = attributes.zoneout > 0 ? args.saved : args.next;
  WithGateActivation(
      d, attributes.activation, attributes.clip, [&](const auto& activation) HWY_ATTR {
        for (int64_t i = 0; i < args.width; i += static_cast<int64_t>(hn::Lanes(d)))
          hn::StoreU(hn::Mul(Delta(d, args, i), activation.slope(hn::LoadU(d, next + i))), d,
                     args.gradients + i);
      });
}

const RecurrentCell* RnnCell() {
  static constexpr RecurrentCell kCell = {.gates = 1,
                                          .states = 1,
                                          .saved = 0,
                                          .gradients = 1,
                                          .inputPlane = 0,
                                          .planes = RnnPlanes,
                                          .gateGradients = RnnGradients};
  return &kCell;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice::cpu {

HWY_EXPORT(RnnCell);

const RecurrentCell& simpleRnnCell() noexcept { return *HWY_DYNAMIC_DISPATCH(RnnCell)(); }

const RecurrentCell& recurrentCell(Op op) noexcept {
  if (op == Op::Lstm || op == Op::LstmBackward) return lstmCell();
  if (op == Op::SimpleRnn || op == Op::SimpleRnnBackward) return simpleRnnCell();
  return gruCell();
}

}  // namespace sluice::cpu
#endif
