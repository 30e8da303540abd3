#include "cpu/recurrent_norm.h"

#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/recurrent_norm.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/recurrent_norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

void NormalizeRow(const RecurrentExtents& e, const RecurrentNormArgs& args, float* sums,
                  float* products, float* saved) {
  const Floats d;
  const int64_t columns = e.columns();
  const RowNorm x = NormOf(d, sums, e.cell->gates, e.H, e.P, args.epsilon);
  const RowNorm h = NormOf(d, products, e.cell->gates, e.H, e.P, args.epsilon);
  const auto meanX = hn::Set(d, x.mean), factorX = hn::Set(d, x.factor);
  const auto meanH = hn::Set(d, h.mean), factorH = hn::Set(d, h.factor);
  const auto each = [&](int64_t at, int64_t planes, const auto& store) HWY_ATTR {
    EachVector(d, planes, e.H, e.P, [&](int64_t k, const auto& keep) HWY_ATTR {
      const int64_t i = at + k;
      const auto hatX = keep(hn::Mul(hn::Sub(hn::LoadU(d, sums + i), meanX), factorX));
      const auto hatH = keep(hn::Mul(hn::Sub(hn::LoadU(d, products + i), meanH), factorH));
      if (saved) {
        hn::StoreU(hatX, d, saved + e.hats() + i);
        hn::StoreU(hatH, d, saved + e.hats() + columns + i);
      }
      store(i, hn::MulAdd(hatX, hn::LoadU(d, args.gamma + i), hn::LoadU(d, args.bias + i)), hatH,
            hn::LoadU(d, args.gamma + columns + i));
    });
  };
  const bool waits = e.cell->candidateWaits();
  const int64_t together = e.cell->gates - (waits ? 1 : 0);
  each(0, together, [&](int64_t i, auto fromX, auto hatH, auto gamma) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hatH, gamma, fromX), d, sums + i);
  });
  if (waits)
    each(together * e.P, 1, [&](int64_t i, auto fromX, auto hatH, auto gamma) HWY_ATTR {
      const auto bias = hn::LoadU(d, args.candidateBias + (i - together * e.P));
      hn::StoreU(fromX, d, sums + i);
      hn::StoreU(hn::MulAdd(hatH, gamma, bias), d, products + i);
    });
  if (!saved) return;
  saved[e.factors()] = x.factor;
  saved[e.factors() + 1] = h.factor;
}

void NormalizeRows(const RecurrentExtents& e, const RecurrentNormArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row)
    NormalizeRow(e, args, args.sums + row * args.ldSums, args.products + row * args.ldProducts,
                 args.saved ? args.saved + row * args.ldSaved : nullptr);
}

void NormGradients(const RecurrentExtents& e, const float* gamma, const float* saved,
                   float* gradients) {
  const Floats d;
  const int64_t gates = e.cell->gates;
  const bool waits = e.cell->candidateWaits();
  const float* own = gradients + e.ownGradients * e.P;
  float* products = gradients + (e.ownGradients + e.cell->gradients) * e.P;
  // A GRU's planes are dq dz dr dn: gate 2 is q in h R and n in x W.
  const auto ofState = [&](int64_t gate) { return waits ? (gate + 1) % gates : gate; };
  const auto ofInput = [&](int64_t gate) { return gate + e.cell->inputPlane; };
  NormGradient(
      d, gates, e.H, e.P, [&](int64_t gate) { return own + ofInput(gate) * e.P; }, gamma,
      saved + e.hats(), saved[e.factors()],
      [&](int64_t gate) { return gradients + (gates + gate) * e.P; }, products);
  NormGradient(
      d, gates, e.H, e.P, [&](int64_t gate) { return own + ofState(gate) * e.P; },
      gamma + e.columns(), saved + e.hats() + e.columns(), saved[e.factors() + 1],
      [&](int64_t gate) { return gradients + ofState(gate) * e.P; }, products + e.columns());
}

// sums[i] += the sum of column i of so many rows.
void AddColumns(const float* x, int64_t ldX, int64_t rows, int64_t begin, int64_t end,
                float* sums) {
  const Floats d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = begin; i < end; i += lanes) {
    auto sum = hn::Zero(d);
    for (int64_t row = 0; row < rows; ++row) sum = hn::Add(sum, hn::LoadU(d, x + row * ldX + i));
    hn::StoreU(hn::Add(hn::LoadU(d, sums + i), sum), d, sums + i);
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpu/arguments.h"
#include "cpu/parallel.h"

namespace sluice::cpu {

HWY_EXPORT(NormalizeRows);
HWY_EXPORT(NormGradients);
HWY_EXPORT(AddColumns);

void recurrentNormalize(const RecurrentExtents& e, const RecurrentNormArgs& args) noexcept {
  HWY_DYNAMIC_DISPATCH(NormalizeRows)(e, args);
}

void recurrentNormGradients(const RecurrentExtents& e, const float* gamma, const float* saved,
                            float* gradients) noexcept {
  HWY_DYNAMIC_DISPATCH(NormGradients)(e, gamma, saved, gradients);
}

RecurrentNormSums::RecurrentNormSums(const OpCall& call, const RecurrentExtents& e, float* scratch)
    : e_(e),
      sums_(scratch),
      dBias_(output(call, recurrentBackward::kDBias)),
      ownBias_(e.cell->candidateWaits()),
      dGamma_(output(call, recurrentBackward::kDGamma)),
      dCellGamma_(output(call, recurrentBackward::kDCellGamma)),
      dCellBeta_(output(call, recurrentBackward::kDCellBeta)) {
  std::fill_n(sums_, scratchFloats(e), 0.0f);
}

void RecurrentNormSums::add(int thread, int threads, const float* gradients, int64_t rows) const {
  if (!e_.normalized) return;
  const Range columns = partOf(scratchFloats(e_), e_.lanes, thread, threads);
  HWY_DYNAMIC_DISPATCH(AddColumns)
  (gradients + e_.ownGradients * e_.P, e_.gradients * e_.P, rows, columns.begin, columns.end,
   sums_);
}

void RecurrentNormSums::finish() const {
  if (!e_.normalized) return;
  const int64_t gates = e_.cell->gates, own = e_.cell->gradients;
  const auto copy = [&](int64_t from, float* to) {
    if (to) std::copy_n(plane(from), e_.H, to);
  };
  for (int64_t gate = 0; gate < gates; ++gate) {
    if (dBias_) copy(e_.cell->inputPlane + gate, dBias_ + gate * e_.H);
    // The second row of a GRU's bias: its planes are dq dz dr dn.
    if (dBias_ && ownBias_) copy((gate + 1) % gates, dBias_ + (gates + gate) * e_.H);
  }
  for (int64_t k = 0; k < 2 * gates; ++k) copy(own + k, dGamma_ + k * e_.H);
  if (e_.cell->states == 1) return;
  copy(own + 2 * gates, dCellBeta_);
  copy(own + 2 * gates + 1, dCellGamma_);
}

}  // namespace sluice::cpu
#endif  // HWY_ONCE
