// Penalty: sums in double, piece by piece, and gradients in float.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/penalty.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// l1 sum |x| + l2 sum x^2.
double PenaltyOfRange(double l1, double l2, const float* x, int64_t n) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const int64_t lanes = LanesOf(dd);
  auto sizes = hn::Zero(dd), squares = hn::Zero(dd);
  const auto addUp = [&](auto v) HWY_ATTR {
    const auto wide = hn::PromoteTo(dd, v);
    sizes = hn::Add(sizes, hn::Abs(wide));
    squares = hn::MulAdd(wide, wide, squares);
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) addUp(hn::LoadU(df, x + i));
  if (i < n) addUp(LoadPart(df, x + i, n - i, 0.0f));
  return l1 * hn::GetLane(hn::SumOfLanes(dd, sizes)) +
         l2 * hn::GetLane(hn::SumOfLanes(dd, squares));
}

// dx = dy + l1 sign x + l2Twice x; dy may be null (zeros) or dx.
void PenaltyGradientRange(float l1, float l2Twice, const float* x, const float* dy, float* dx,
                          int64_t n) {
  const hn::ScalableTag<float> d;
  const auto size = hn::Set(d, l1), factor = hn::Set(d, l2Twice);
  const auto slope = [&](auto v) HWY_ATTR {
    const auto sign = hn::IfThenElseZero(hn::Ne(v, hn::Zero(d)), hn::CopySign(size, v));
    return hn::MulAdd(factor, v, sign);
  };
  if (dy)
    Transform(
        d, n, dx, [&](auto v, auto g) HWY_ATTR { return hn::Add(g, slope(v)); }, x, dy);
  else
    Transform(d, n, dx, slope, x);
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
HWY_EXPORT(PenaltyOfRange);
HWY_EXPORT(PenaltyGradientRange);
namespace {

// Runs that are looked at or not as a whole, and pieces of so many runs that are summed by
// themselves: steps where there is a mask, else single elements.
struct Pieces {
  int64_t run = 1, runs, perPiece;
  explicit Pieces(const OpCall& call) : runs(call.in[penalty::kX].shape.elements()) {
    constexpr int64_t kElements = 1 << 13;
    if (const int64_t n = runs; call.in[penalty::kMask].present() && n > 0) {
      runs = call.in[penalty::kMask].shape.elements();
      run = n / runs;
    }
    perPiece = std::max<int64_t>(1, kElements / run);
  }
  int64_t count() const { return (runs + perPiece - 1) / perPiece; }
};

void withoutPenalty(const float* dy, float* dx, int64_t n) {
  if (dx == dy) return;
  if (dy)
    std::copy_n(dy, n, dx);
  else
    std::fill_n(dx, n, 0.0f);
}

int32_t runPenalty(const OpCall& call) noexcept {
  using namespace penalty;
  const auto& attr = call.attr<PenaltyAttributes>();
  const float *x = input(call, kX), *dy = input(call, kDy);
  const uint8_t* mask = input<uint8_t>(call, kMask);
  const double scale = *input<double>(call, kScale);
  float* dx = output(call, kDx);
  double* sum = output<double>(call, kSum);
  auto* sums = static_cast<double*>(call.scratch);
  const Pieces pieces(call);
  const auto l1 = static_cast<float>(scale * attr.l1);
  const auto l2Twice = static_cast<float>(2 * scale * attr.l2);
  // [begin, end) in elements; the penalty of what is looked at.
  const auto penaltyOf = [&](int64_t begin, int64_t end, bool counts) {
    const float* from = dy ? dy + begin : nullptr;
    if (dx && counts) HWY_DYNAMIC_DISPATCH(PenaltyGradientRange)
    (l1, l2Twice, x + begin, from, dx + begin, end - begin);
    else if (dx) withoutPenalty(from, dx + begin, end - begin);
    return sum && counts
               ? HWY_DYNAMIC_DISPATCH(PenaltyOfRange)(attr.l1, attr.l2, x + begin, end - begin)
               : 0.0;
  };
  parallelFor(call.context->threads, pieces.count(), 2, [&](int64_t firstPiece, int64_t lastPiece) {
    for (int64_t piece = firstPiece; piece < lastPiece; ++piece) {
      const int64_t begin = piece * pieces.perPiece;
      const int64_t end = std::min(pieces.runs, begin + pieces.perPiece);
      double total = 0;
      if (mask)
        for (int64_t i = begin; i < end; ++i)
          total += penaltyOf(i * pieces.run, (i + 1) * pieces.run, scale != 0 && mask[i] != 0);
      else
        total = penaltyOf(begin, end, scale != 0);
      if (sum) sums[piece] = total;
    }
  });
  if (sum) {
    *sum = 0;
    for (int64_t piece = 0; piece < pieces.count(); ++piece) *sum += scale * sums[piece];
  }
  return 0;
}

size_t scratchBytes(const OpCall& call) noexcept {
  return call.out[penalty::kSum].present()
             ? static_cast<size_t>(Pieces(call).count()) * sizeof(double)
             : 0;
}

KernelChoice describePenalty(const OpCall& call) noexcept {
  return describeShared(call, "elements", Pieces(call).count(), 2);
}

}  // namespace

const Kernel kPenalty = {.name = "cpu.penalty",
                         .scratchBytes = scratchBytes,
                         .launch = runPenalty,
                         .describe = describePenalty};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
