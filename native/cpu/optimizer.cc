// The optimizers: one pass over the flat buffers that reads and writes each value once. Clipping by
// a norm takes one pass over the gradients before it.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/optimizer.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

#ifndef SLUICE_CPU_OPTIMIZER_STEP
#define SLUICE_CPU_OPTIMIZER_STEP
namespace sluice::cpu {

// What a step multiplies with, made once in double from the attributes. The formulas:
//   sgd      v = momentum v - rate g;  w += v, with Nesterov w += momentum v - rate g
//   rmsprop  s = keep s + take g g;  u = momentum u + rate g / root(s);  w -= u
//   adam     m = keep1 m + take1 g;  v = keep v + take g g;  w -= rate m / (sqrt(v) rootScale +
//   eps)
struct OptimizerStep {
  OptimizerKind kind;
  bool torchForm, nesterov;
  float limit;
  float rate, decay, momentum, epsilon, rootScale;
  float keep1, take1, keep, take;
};

struct OptimizerArrays {
  const float *w, *g;
  float *updated, *slot0, *slot1;  // slots are null where the kind has none
};

}  // namespace sluice::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> LimitedGradient(D d, const OptimizerStep& step, const float* g) {
  const auto limit = hn::Set(d, step.limit);
  return AtLeast(d, hn::Neg(limit), AtMost(d, limit, hn::LoadU(d, g)));
}

template <class D>
HWY_INLINE void SgdAt(D d, const OptimizerStep& step, const OptimizerArrays& a, hn::Vec<D> g,
                      int64_t i) {
  const auto w = hn::LoadU(d, a.w + i), rate = hn::Set(d, step.rate);
  if (!a.slot0) return hn::StoreU(hn::NegMulAdd(rate, g, w), d, a.updated + i);
  const auto momentum = hn::Set(d, step.momentum);
  const auto v = hn::NegMulAdd(rate, g, hn::Mul(momentum, hn::LoadU(d, a.slot0 + i)));
  hn::StoreU(v, d, a.slot0 + i);
  const auto move = step.nesterov ? hn::NegMulAdd(rate, g, hn::Mul(momentum, v)) : v;
  hn::StoreU(hn::Add(w, move), d, a.updated + i);
}

template <class D>
HWY_INLINE hn::Vec<D> MeanSquare(D d, const OptimizerStep& step, hn::Vec<D> g, float* slot) {
  const auto kept = hn::Mul(hn::Set(d, step.keep), hn::LoadU(d, slot));
  const auto mean = hn::MulAdd(hn::Mul(hn::Set(d, step.take), g), g, kept);
  hn::StoreU(mean, d, slot);
  return mean;
}

template <class D>
HWY_INLINE void RmspropAt(D d, const OptimizerStep& step, const OptimizerArrays& a, hn::Vec<D> g,
                          int64_t i) {
  const auto epsilon = hn::Set(d, step.epsilon);
  const auto mean = MeanSquare(d, step, g, a.slot0 + i);
  const auto root =
      step.torchForm ? hn::Add(hn::Sqrt(mean), epsilon) : hn::Sqrt(hn::Add(mean, epsilon));
  auto move = hn::Div(hn::Mul(hn::Set(d, step.rate), g), root);
  if (a.slot1) {
    move = hn::MulAdd(hn::Set(d, step.momentum), hn::LoadU(d, a.slot1 + i), move);
    hn::StoreU(move, d, a.slot1 + i);
  }
  hn::StoreU(hn::Sub(hn::LoadU(d, a.w + i), move), d, a.updated + i);
}

template <class D>
HWY_INLINE void AdamAt(D d, const OptimizerStep& step, const OptimizerArrays& a, hn::Vec<D> g,
                       int64_t i) {
  const auto m = hn::MulAdd(hn::Set(d, step.take1), g,
                            hn::Mul(hn::Set(d, step.keep1), hn::LoadU(d, a.slot0 + i)));
  hn::StoreU(m, d, a.slot0 + i);
  const auto v = MeanSquare(d, step, g, a.slot1 + i);
  const auto root = hn::MulAdd(hn::Sqrt(v), hn::Set(d, step.rootScale), hn::Set(d, step.epsilon));
  auto w = hn::LoadU(d, a.w + i);
  w = hn::NegMulAdd(hn::Set(d, step.decay), w, w);
  w = hn::Sub(w, hn::Div(hn::Mul(hn::Set(d, step.rate), m), root));
  hn::StoreU(w, d, a.updated + i);
}

// The last elements go one by one through the same operations.
template <class At>
HWY_INLINE void EachGradient(const OptimizerStep& step, const OptimizerArrays& a, float factor,
                             int64_t n, const At& at) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const int64_t lanes = LanesOf(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    at(d, hn::Mul(LimitedGradient(d, step, a.g + i), hn::Set(d, factor)), i);
  }
  for (; i < n; ++i) at(d1, hn::Mul(LimitedGradient(d1, step, a.g + i), hn::Set(d1, factor)), i);
}

void UpdateRange(const OptimizerStep& step, const OptimizerArrays& a, float factor, int64_t n) {
  switch (step.kind) {
    case OptimizerKind::Sgd:
      return EachGradient(step, a, factor, n,
                          [&](auto d, auto g, int64_t i) HWY_ATTR { SgdAt(d, step, a, g, i); });
    case OptimizerKind::Rmsprop:
      return EachGradient(step, a, factor, n,
                          [&](auto d, auto g, int64_t i) HWY_ATTR { RmspropAt(d, step, a, g, i); });
    case OptimizerKind::Adam:
    case OptimizerKind::AdamW:
      return EachGradient(step, a, factor, n,
                          [&](auto d, auto g, int64_t i) HWY_ATTR { AdamAt(d, step, a, g, i); });
  }
}

// The sum of squares in double, which neither overflows nor loses small terms.
double SquaresOfRange(const OptimizerStep& step, const float* g, int64_t n) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const hn::CappedTag<float, 1> d1;
  const int64_t lanes = LanesOf(dd);
  auto sum0 = hn::Zero(dd), sum1 = hn::Zero(dd);
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto a = hn::PromoteTo(dd, LimitedGradient(df, step, g + i));
    const auto b = hn::PromoteTo(dd, LimitedGradient(df, step, g + i + lanes));
    sum0 = hn::MulAdd(a, a, sum0);
    sum1 = hn::MulAdd(b, b, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(dd, hn::Add(sum0, sum1)));
  for (; i < n; ++i) {
    const auto value = static_cast<double>(hn::GetLane(LimitedGradient(d1, step, g + i)));
    sum += value * value;
  }
  return sum;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/arguments.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
HWY_EXPORT(UpdateRange);
HWY_EXPORT(SquaresOfRange);
namespace {

OptimizerStep makeStep(const OptimizerAttributes& a) {
  const auto single = [](double v) { return static_cast<float>(v); };
  const bool adam = a.kind == OptimizerKind::Adam || a.kind == OptimizerKind::AdamW;
  const double t = static_cast<double>(a.iteration);
  const double correction1 = 1 - std::pow(a.beta1, t);
  const double root2 = std::sqrt(1 - std::pow(a.beta2, t));
  // torch divides v by its correction before epsilon is added, Keras multiplies the rate.
  const double adamRate = a.learningRate / correction1 * (a.torchForm ? 1 : root2);
  OptimizerStep step{};
  step.kind = a.kind;
  step.torchForm = a.torchForm != 0;
  step.nesterov = a.nesterov != 0;
  step.limit = a.clipValue > 0 ? single(a.clipValue) : std::numeric_limits<float>::infinity();
  step.rate = single(adam ? adamRate : a.learningRate);
  step.decay = a.kind == OptimizerKind::AdamW ? single(a.learningRate * a.weightDecay) : 0.0f;
  step.momentum = single(a.momentum);
  step.epsilon = single(a.epsilon);
  step.rootScale = adam && a.torchForm ? single(1 / root2) : 1.0f;
  step.keep1 = single(a.beta1);
  step.take1 = single(1 - a.beta1);
  step.keep = single(adam ? a.beta2 : a.rho);
  step.take = single(1 - (adam ? a.beta2 : a.rho));
  return step;
}

// The flat buffer in blocks of this many elements, and each block in the pieces that segments cut
// out of it. Piece (block, segment) has the number block + segment, which no other piece has,
// because segments stand in the order of their offsets.
constexpr int64_t kBlock = 1 << 13;

int64_t blockCount(int64_t n) { return (n + kBlock - 1) / kBlock; }

// Calls use(segment index, begin, end) for each piece of [begin, end).
template <typename F>
void eachPiece(const OptimizerAttributes& a, int64_t begin, int64_t end, F&& use) {
  const auto ends = [](const ParameterSegment& s) { return s.offset + s.length; };
  const ParameterSegment* first = std::partition_point(
      a.segments, a.segments + a.segmentCount, [&](const auto& s) { return ends(s) <= begin; });
  for (int64_t s = first - a.segments; s < a.segmentCount && a.segments[s].offset < end; ++s) {
    const int64_t from = std::max(begin, a.segments[s].offset);
    const int64_t to = std::min(end, ends(a.segments[s]));
    if (from < to) use(s, from, to);
  }
}

// min(1, limit / norm); a NaN stays one.
double clipFactor(double limit, double norm) {
  return limit <= 0 || norm <= limit ? 1 : limit / norm;
}

// What each segment's gradients are multiplied with, into factors.
void clipByNorms(const OpCall& call, const OptimizerStep& step, double* factors, double* pieces) {
  const auto& a = call.attr<OptimizerAttributes>();
  const int64_t n = call.in[optimize::kParameters].shape.elements();
  const float* g = input(call, optimize::kGradients);
  const auto pieceSum = [&](int64_t s, int64_t from, int64_t to) {
    if (!a.segments[s].trainable) return;
    pieces[from / kBlock + s] = HWY_DYNAMIC_DISPATCH(SquaresOfRange)(step, g + from, to - from);
  };
  parallelFor(call.context->threads, blockCount(n), 4, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      eachPiece(a, block * kBlock, std::min(n, (block + 1) * kBlock), pieceSum);
    }
  });
  double total = 0;
  for (int64_t s = 0; s < a.segmentCount; ++s) {
    const ParameterSegment& segment = a.segments[s];
    factors[s] = 1;
    if (!segment.trainable || segment.length == 0) continue;
    const int64_t last = (segment.offset + segment.length - 1) / kBlock;
    double squares = 0;
    for (int64_t block = segment.offset / kBlock; block <= last; ++block)
      squares += pieces[block + s];
    factors[s] = clipFactor(a.clipVariableNorm, std::sqrt(squares));
    total += factors[s] * factors[s] * squares;
  }
  const double global = clipFactor(a.clipNorm, std::sqrt(total));
  for (int64_t s = 0; s < a.segmentCount; ++s) factors[s] *= global;
}

bool clipsByNorm(const OptimizerAttributes& a) { return a.clipNorm > 0 || a.clipVariableNorm > 0; }

int32_t run(const OpCall& call) noexcept {
  using namespace optimize;
  const auto& a = call.attr<OptimizerAttributes>();
  const OptimizerStep step = makeStep(a);
  const OptimizerArrays all = {input(call, kParameters), input(call, kGradients),
                               output(call, kUpdated), output(call, kSlot0), output(call, kSlot1)};
  double* factors = clipsByNorm(a) ? static_cast<double*>(call.scratch) : nullptr;
  if (factors) clipByNorms(call, step, factors, factors + a.segmentCount);
  const auto update = [&](int64_t s, int64_t from, int64_t to) {
    const auto at = [from](float* p) { return p ? p + from : nullptr; };
    if (!a.segments[s].trainable) {
      if (all.updated != all.w) std::copy(all.w + from, all.w + to, all.updated + from);
      return;
    }
    const OptimizerArrays part = {all.w + from, all.g + from, all.updated + from, at(all.slot0),
                                  at(all.slot1)};
    const float factor = factors ? static_cast<float>(factors[s]) : 1.0f;
    HWY_DYNAMIC_DISPATCH(UpdateRange)(step, part, factor, to - from);
  };
  parallelFor(call.context->threads, call.in[kParameters].shape.elements(), kCheapGrain / 2,
              [&](int64_t begin, int64_t end) { eachPiece(a, begin, end, update); });
  return 0;
}

size_t scratchBytes(const OpCall& call) noexcept {
  const auto& a = call.attr<OptimizerAttributes>();
  if (!clipsByNorm(a)) return 0;
  const int64_t blocks = blockCount(call.in[optimize::kParameters].shape.elements());
  return static_cast<size_t>(blocks + 2 * a.segmentCount) * sizeof(double);
}

}  // namespace

const Kernel kOptimize = {.name = "cpu.optimize", .scratchBytes = scratchBytes, .launch = run};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
