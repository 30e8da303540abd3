#include "support/gru.h"

#include <cmath>

namespace sluice::test {

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

Case gruForward(Random& random, const GruSizes& s, DType real) {
  const auto scale = [](int64_t fanIn) { return 1.5 / std::sqrt(static_cast<double>(fanIn)); };
  Case c{Op::Gru, &s.attributes, std::vector<Tensor>(gru::kInCount),
         std::vector<Tensor>(gru::kOutCount)};
  c.in[gru::kX] = random.tensor(real, makeShape(s.B, s.T, s.I));
  c.in[gru::kKernel] = random.tensor(real, makeShape(s.I, 3 * s.H), -scale(s.I), scale(s.I));
  c.in[gru::kRecurrentKernel] =
      random.tensor(real, makeShape(s.H, 3 * s.H), -scale(s.H), scale(s.H));
  if (s.bias) {
    c.in[gru::kBias] =
        random.tensor(real, s.attributes.resetAfter ? makeShape(2, 3 * s.H) : makeShape(3 * s.H));
  }
  c.in[gru::kMask] = makeMask(random, s.mask, s.B, s.T);
  if (s.initialState) c.in[gru::kInitialState] = random.tensor(real, makeShape(s.B, s.H));
  if (s.sequence) c.out[gru::kSequence] = Tensor(real, makeShape(s.B, s.T, s.H));
  c.out[gru::kFinalState] = Tensor(real, makeShape(s.B, s.H));
  if (s.reserve) c.out[gru::kReserve] = Tensor::opaque();
  return c;
}

Case gruBackwardOf(Random& random, const GruSizes& s, const Case& forward) {
  const DType real = forward.in[gru::kX].dtype();
  Case c{Op::GruBackward, &s.attributes, std::vector<Tensor>(gruBackward::kInCount),
         std::vector<Tensor>(gruBackward::kOutCount)};
  for (size_t i = 0; i < gru::kInCount; ++i) c.in[i] = forward.in[i];
  c.in[gruBackward::kReserve] = forward.out[gru::kReserve];
  if (s.sequence) c.in[gruBackward::kDSequence] = random.tensor(real, makeShape(s.B, s.T, s.H));
  c.in[gruBackward::kDFinalState] = random.tensor(real, makeShape(s.B, s.H));
  c.out[gruBackward::kDx] = Tensor(real, c.in[gru::kX].shape());
  c.out[gruBackward::kDKernel] = Tensor(real, c.in[gru::kKernel].shape());
  c.out[gruBackward::kDRecurrentKernel] = Tensor(real, c.in[gru::kRecurrentKernel].shape());
  if (s.bias) c.out[gruBackward::kDBias] = Tensor(real, c.in[gru::kBias].shape());
  c.out[gruBackward::kDInitialState] = Tensor(real, makeShape(s.B, s.H));
  return c;
}

}  // namespace sluice::test
