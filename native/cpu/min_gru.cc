// The recurrence of a minGRU. Units do not depend on each other, so that vectors of them walk
// through the steps; threads share out rows, or where these are few, ranges of units. Bound by
// memory.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/min_gru.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

#ifndef SLUICE_CPU_MIN_GRU_STEP
#define SLUICE_CPU_MIN_GRU_STEP
namespace sluice::cpu {

// One step of neighbouring units of a row.
struct MinGruStep {
  int64_t units;
  const float* z;          // before their activations
  const float* candidate;  //
  const float* h;          // before the step
  float* next;
};
struct MinGruStepBackward {
  int64_t units;
  const float* z;
  const float* candidate;
  const float* h;   // before the step; null: zeros
  const float* dy;  // null: zeros
  float* dh;        // of the state after the step, then of that before it
  float* dz;
  float* dCandidate;
};

}  // namespace sluice::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// body(load, store) for whole vectors and for the rest: both take the place of a vector of units.
template <class D, class Body>
HWY_INLINE void ForUnits(D d, int64_t units, const Body& body) {
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= units; i += lanes)
    body([&](const float* p) HWY_ATTR { return hn::LoadU(d, p + i); },
         [&](auto v, float* p) HWY_ATTR { hn::StoreU(v, d, p + i); });
  if (i < units)
    body([&](const float* p) HWY_ATTR { return LoadPart(d, p + i, units - i, 0.0f); },
         [&](auto v, float* p) HWY_ATTR { StorePart(v, d, p + i, units - i); });
}

void MinGruForward(const MinGruStep& step, const ActivationSpec& spec) {
  const hn::ScalableTag<float> d;
  WithActivation(d, spec, [&](const auto& activation) HWY_ATTR {
    ForUnits(d, step.units, [&](const auto& load, const auto& store) HWY_ATTR {
      const auto h = load(step.h);
      const auto c = activation.of(load(step.candidate));
      store(hn::MulAdd(Sigmoid(d, load(step.z)), hn::Sub(c, h), h), step.next);
    });
  });
}

void MinGruBackward(const MinGruStepBackward& step, const ActivationSpec& spec) {
  const hn::ScalableTag<float> d;
  WithActivation(d, spec, [&](const auto& activation) HWY_ATTR {
    ForUnits(d, step.units, [&](const auto& load, const auto& store) HWY_ATTR {
      const auto z = Sigmoid(d, load(step.z));
      const auto c = activation.of(load(step.candidate));
      const auto h = step.h ? load(step.h) : hn::Zero(d);
      const auto delta = step.dy ? hn::Add(load(step.dh), load(step.dy)) : load(step.dh);
      const auto rest = hn::Sub(hn::Set(d, 1.0f), z);
      const auto through = hn::Mul(delta, z);
      store(hn::Mul(hn::Mul(through, rest), hn::Sub(c, h)), step.dz);
      store(hn::Mul(through, activation.slope(c)), step.dCandidate);
      store(hn::Mul(delta, rest), step.dh);
    });
  });
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/tile.h"

namespace sluice::cpu {
HWY_EXPORT(MinGruForward);
HWY_EXPORT(MinGruBackward);
namespace {

// A row, and a range of its units.
struct Part {
  int64_t row, begin, count;
};

class Call {
 public:
  explicit Call(const OpCall& call) : call_(call), attributes_(call.attr<RecurrentAttributes>()) {
    const Shape& gates = call.in[minGru::kGates].shape;
    B = gates[0], T = gates[1], H = gates[2] / 2;
    const int64_t threads = call.context ? call.context->threads : 1;
    // Ranges of whole cache lines, so that no two threads write to one.
    parts_ = B > 0 ? std::clamp<int64_t>((threads + B - 1) / B, 1, roundUp(H, 16) / 16) : 1;
  }
  int64_t B, T, H;

  template <typename Body>
  void forEachPart(const Body& body) const {
    const int64_t width = roundUp((H + parts_ - 1) / parts_, 16);
    const int64_t grain =
        std::max<int64_t>(1, kCostlyGrain / std::max<int64_t>(1, T * std::min(width, H)));
    parallelFor(call_.context->threads, B * parts_, grain, [&](int64_t first, int64_t end) {
      for (int64_t part = first; part < end; ++part) {
        const int64_t begin = part % parts_ * width;
        if (begin < H) body(Part{part / parts_, begin, std::min(width, H - begin)});
      }
    });
  }
  // The step that is processed as number k, in a [B,T] matrix.
  int64_t at(int64_t row, int64_t k) const {
    return row * T + (attributes_.reverse ? T - 1 - k : k);
  }
  const RecurrentAttributes& attributes() const { return attributes_; }

 private:
  const OpCall& call_;
  const RecurrentAttributes& attributes_;
  int64_t parts_;
};

int32_t forward(const OpCall& op) noexcept {
  using namespace minGru;
  const FloatingPointMode mode;
  const Call call(op);
  const auto step = HWY_DYNAMIC_DISPATCH(MinGruForward);
  const uint8_t* mask = input<uint8_t>(op, kMask);
  const float* gates = input(op, kGates);
  const float* initial = input(op, kInitialState);
  float* sequence = output(op, kSequence);
  float* states = output(op, kStates);
  float* final = output(op, kFinalState);
  const int64_t H = call.H;
  call.forEachPart([&](const Part& part) {
    const int64_t offset = part.begin;
    // The state stands in the last of these that was written.
    float* h = final + part.row * H + offset;
    if (initial)
      std::copy_n(initial + part.row * H + offset, part.count, h);
    else
      std::fill_n(h, part.count, 0.0f);
    const float* last = nullptr;
    for (int64_t k = 0; k < call.T; ++k) {
      const int64_t at = call.at(part.row, k);
      const bool valid = !mask || mask[at];
      const float* row = gates + at * 2 * H + offset;
      if (valid) step({part.count, row, row + H, h, h}, call.attributes().activation);
      if (states) std::copy_n(h, part.count, states + at * H + offset);
      if (!sequence) continue;
      float* y = sequence + at * H + offset;
      if (valid)
        std::copy_n(h, part.count, y);
      else if (call.attributes().repeatMasked && last)
        std::copy_n(last, part.count, y);
      else
        std::fill_n(y, part.count, 0.0f);
      if (valid) last = y;
    }
  });
  return 0;
}

int32_t backward(const OpCall& op) noexcept {
  using namespace minGruBackward;
  const FloatingPointMode mode;
  const Call call(op);
  const auto step = HWY_DYNAMIC_DISPATCH(MinGruBackward);
  const uint8_t* mask = input<uint8_t>(op, kMask);
  const float* gates = input(op, kGates);
  const float* initial = input(op, kInitialState);
  const float* states = input(op, kStates);
  const float* dSequence = input(op, kDSequence);
  const float* dFinal = input(op, kDFinalState);
  float* dGates = output(op, kDGates);
  float* dInitial = output(op, kDInitialState);
  float* const dhs = static_cast<float*>(op.scratch);
  const int64_t H = call.H;
  call.forEachPart([&](const Part& part) {
    const int64_t offset = part.begin;
    float* dh = dhs + part.row * H + offset;
    if (dFinal)
      std::copy_n(dFinal + part.row * H + offset, part.count, dh);
    else
      std::fill_n(dh, part.count, 0.0f);
    int64_t firstValid = 0;
    while (mask && firstValid < call.T && !mask[call.at(part.row, firstValid)]) ++firstValid;
    for (int64_t k = call.T - 1; k >= 0; --k) {
      const int64_t at = call.at(part.row, k);
      float* out = dGates + at * 2 * H + offset;
      const float* dy = dSequence ? dSequence + at * H + offset : nullptr;
      if (mask && !mask[at]) {
        // An output that repeats an earlier step's passes its gradient on to that.
        const bool repeats = call.attributes().repeatMasked && dy && k > firstValid;
        for (int64_t i = 0; repeats && i < part.count; ++i) dh[i] += dy[i];
        std::fill_n(out, part.count, 0.0f);
        std::fill_n(out + H, part.count, 0.0f);
        continue;
      }
      const float* before = k > 0     ? states + call.at(part.row, k - 1) * H + offset
                            : initial ? initial + part.row * H + offset
                                      : nullptr;
      const float* row = gates + at * 2 * H + offset;
      step({part.count, row, row + H, before, dy, dh, out, out + H}, call.attributes().activation);
    }
    if (dInitial) std::copy_n(dh, part.count, dInitial + part.row * H + offset);
  });
  return 0;
}

size_t backwardScratch(const OpCall& call) noexcept {
  const Shape& gates = call.in[minGru::kGates].shape;
  return static_cast<size_t>(gates[0] * gates[2] / 2) * sizeof(float);
}

KernelChoice describe(const OpCall& call) noexcept {
  const Call work(call);
  KernelChoice choice;
  choice.split = work.B >= call.context->threads ? "rows" : "rows and units";
  choice.threads = static_cast<int32_t>(
      std::clamp<int64_t>(work.B * work.T * work.H / kCostlyGrain, 1, call.context->threads));
  return choice;
}

}  // namespace

const Kernel kMinGru = {.name = "cpu.minGru", .launch = forward, .describe = describe};
const Kernel kMinGruBackward = {.name = "cpu.minGruBackward",
                                .scratchBytes = backwardScratch,
                                .launch = backward,
                                .describe = describe};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
