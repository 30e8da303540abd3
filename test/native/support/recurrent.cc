#include "support/recurrent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace sluice::test {

RecurrentSizes recurrentSizes(Op op, int64_t B, int64_t T, int64_t I, int64_t H) {
  RecurrentSizes sizes;
  sizes.op = op;
  sizes.B = B;
  sizes.T = T;
  sizes.I = I;
  sizes.H = H;
  return sizes;
}

std::string describe(const RecurrentSizes& s) {
  std::ostringstream out;
  out << opName(s.op) << " B" << s.B << " T" << s.T << " I" << s.I << " H" << s.H << " mask"
      << static_cast<int>(s.mask) << " after" << s.attributes.resetAfter << " replace"
      << s.attributes.replace << " reverse" << s.attributes.reverse << " repeat"
      << s.attributes.repeatMasked << " activations"
      << static_cast<int>(s.attributes.activation.kind) << ","
      << static_cast<int>(s.attributes.recurrentActivation.kind);
  return out.str();
}

Tensor makeMask(Random& random, MaskKind kind, int64_t B, int64_t T) {
  if (kind == MaskKind::None) return {};
  Tensor mask(DType::Bool, makeShape(B, T));
  for (int64_t b = 0; b < B; ++b) {
    const int64_t length = random.integer(0, T);
    for (int64_t t = 0; t < T; ++t) {
      const bool valid = kind == MaskKind::Right  ? t < length
                         : kind == MaskKind::Left ? t >= T - length
                                                  : random.uniform(0, 1) < 0.6;
      mask.set(b * T + t, valid && !(kind == MaskKind::EmptyRow && b == 0));
    }
  }
  return mask;
}

Case recurrentForward(Random& random, const RecurrentSizes& s, DType real) {
  const auto scale = [](int64_t fanIn) { return 1.5 / std::sqrt(static_cast<double>(fanIn)); };
  Case c{s.op, &s.attributes, std::vector<Tensor>(recurrent::kInCount),
         std::vector<Tensor>(recurrent::kOutCount)};
  c.in[recurrent::kX] = random.tensor(real, makeShape(s.B, s.T, s.I));
  c.in[recurrent::kKernel] =
      random.tensor(real, makeShape(s.I, s.columns()), -scale(s.I), scale(s.I));
  c.in[recurrent::kRecurrentKernel] =
      random.tensor(real, makeShape(s.H, s.columns()), -scale(s.H), scale(s.H));
  if (s.bias) {
    const bool two = s.op == Op::Gru && s.attributes.resetAfter;
    c.in[recurrent::kBias] =
        random.tensor(real, two ? makeShape(2, s.columns()) : makeShape(s.columns()));
  }
  c.in[recurrent::kMask] = makeMask(random, s.mask, s.B, s.T);
  if (s.initialState) c.in[recurrent::kInitialState] = random.tensor(real, makeShape(s.B, s.H));
  if (s.initialState && s.hasCell())
    c.in[recurrent::kInitialCell] = random.tensor(real, makeShape(s.B, s.H));
  const auto keeps = [&](Shape shape, double scale) {
    Tensor mask(real, shape);
    for (int64_t i = 0; i < mask.size(); ++i) mask.set(i, random.uniform(0, 1) < 0.7 ? scale : 0);
    return mask;
  };
  const int64_t gates = s.columns() / std::max<int64_t>(s.H, 1);
  if (s.inputMasks) c.in[recurrent::kInputMasks] = keeps(makeShape(s.B, gates * s.I), 1 / 0.7);
  if (s.stateMasks) c.in[recurrent::kStateMasks] = keeps(makeShape(s.B, gates * s.H), 1 / 0.7);
  if (s.zoneoutMask) c.in[recurrent::kZoneout] = keeps(makeShape(s.B, s.T, s.H), 1);
  // Small enough that steps do not magnify each other's rounding, whatever the weights.
  if (s.norm) c.in[recurrent::kGamma] = random.tensor(real, makeShape(2, s.columns()), 0.3, 0.9);
  if (s.norm && s.hasCell()) {
    c.in[recurrent::kCellGamma] = random.tensor(real, makeShape(s.H), 0.5, 1.5);
    c.in[recurrent::kCellBeta] = random.tensor(real, makeShape(s.H), -0.5, 0.5);
  }
  if (s.sequence) c.out[recurrent::kSequence] = Tensor(real, makeShape(s.B, s.T, s.H));
  c.out[recurrent::kFinalState] = Tensor(real, makeShape(s.B, s.H));
  if (s.hasCell()) c.out[recurrent::kFinalCell] = Tensor(real, makeShape(s.B, s.H));
  if (s.reserve) c.out[recurrent::kReserve] = Tensor::opaque();
  return c;
}

Case recurrentBackwardOf(Random& random, const RecurrentSizes& s, const Case& forward) {
  using namespace recurrentBackward;
  const DType real = forward.in[kX].dtype();
  const Op op = static_cast<Op>(static_cast<int32_t>(s.op) + 1);
  Case c{op, &s.attributes, std::vector<Tensor>(kInCount), std::vector<Tensor>(kOutCount)};
  for (size_t i = 0; i < recurrent::kInCount; ++i) c.in[i] = forward.in[i];
  c.in[kReserve] = forward.out[recurrent::kReserve];
  const Shape state = makeShape(s.B, s.H);
  if (s.sequence) c.in[kDSequence] = random.tensor(real, makeShape(s.B, s.T, s.H));
  c.in[kDFinalState] = random.tensor(real, state);
  if (s.hasCell()) c.in[kDFinalCell] = random.tensor(real, state);
  c.out[kDx] = Tensor(real, c.in[kX].shape());
  c.out[kDKernel] = Tensor(real, c.in[kKernel].shape());
  c.out[kDRecurrentKernel] = Tensor(real, c.in[kRecurrentKernel].shape());
  if (s.bias) c.out[kDBias] = Tensor(real, c.in[kBias].shape());
  c.out[kDInitialState] = Tensor(real, state);
  constexpr std::pair<In, Out> kNorms[] = {
      {kGamma, kDGamma}, {kCellGamma, kDCellGamma}, {kCellBeta, kDCellBeta}};
  for (const auto& [in, out] : kNorms)
    if (c.in[in].present()) c.out[out] = Tensor(real, c.in[in].shape());
  if (s.hasCell()) c.out[kDInitialCell] = Tensor(real, state);
  return c;
}

double relativeDifference(const Tensor& got, const Tensor& want) {
  double largest = 0, worst = 0;
  for (int64_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::abs(want.get(i)));
    const double d = std::abs(got.get(i) - want.get(i));
    worst = std::max(worst, std::isnan(d) ? INFINITY : d);
  }
  return worst == 0 ? 0 : worst / largest;
}

void expectAsReference(const Backend& fast, const RecurrentSizes& sizes, uint64_t seed,
                       const RunContext& context, const RecurrentBounds& bounds) {
  SCOPED_TRACE(describe(sizes));
  const Backend& reference = backend("reference");
  Random random(seed);
  Case forward = recurrentForward(random, sizes, DType::Float32);
  Case want = inDouble(forward);
  launch(reference, want);
  forward.context = context;
  launch(fast, forward);
  for (const size_t out : {recurrent::kSequence, recurrent::kFinalState, recurrent::kFinalCell}) {
    if (!forward.out[out].present()) continue;
    EXPECT_LE(difference(forward.out[out], want.out[out]), bounds.forward) << "output " << out;
  }

  Case backward = recurrentBackwardOf(random, sizes, forward);
  Case wantBackward = inDouble(backward);
  wantBackward.in[recurrentBackward::kReserve] = want.out[recurrent::kReserve];
  launch(reference, wantBackward);
  backward.context = context;
  launch(fast, backward);
  for (size_t i = 0; i < backward.out.size(); ++i) {
    if (!backward.out[i].present()) continue;
    EXPECT_LE(relativeDifference(backward.out[i], wantBackward.out[i]), bounds.gradient)
        << "gradient " << i;
  }
}

}  // namespace sluice::test
