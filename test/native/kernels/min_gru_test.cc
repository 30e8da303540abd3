// The minGRU against the reference in double, and what may not change its bits.
#include <gtest/gtest.h>

#include "support/agreement.h"
#include "support/recurrent.h"

namespace sluice::test {
namespace {

struct Sizes {
  int64_t B, T, H;
  MaskKind mask = MaskKind::None;
  RecurrentAttributes attributes{};
  bool initialState = true;
};

Case forwardOf(Random& random, const Sizes& s) {
  Case c{Op::MinGru, &s.attributes, std::vector<Tensor>(minGru::kInCount),
         std::vector<Tensor>(minGru::kOutCount)};
  c.in[minGru::kGates] = random.tensor(DType::Float32, makeShape(s.B, s.T, 2 * s.H), -3, 3);
  c.in[minGru::kMask] = makeMask(random, s.mask, s.B, s.T);
  if (s.initialState)
    c.in[minGru::kInitialState] = random.tensor(DType::Float32, makeShape(s.B, s.H));
  c.out[minGru::kSequence] = Tensor(DType::Float32, makeShape(s.B, s.T, s.H));
  c.out[minGru::kFinalState] = Tensor(DType::Float32, makeShape(s.B, s.H));
  c.out[minGru::kStates] = Tensor(DType::Float32, makeShape(s.B, s.T, s.H));
  return c;
}

Case backwardOf(Random& random, const Sizes& s, const Case& forward) {
  using namespace minGruBackward;
  Case c{Op::MinGruBackward, &s.attributes, std::vector<Tensor>(kInCount),
         std::vector<Tensor>(kOutCount)};
  for (size_t i = 0; i < minGru::kInCount; ++i) c.in[i] = forward.in[i];
  c.in[kStates] = forward.out[minGru::kStates];
  c.in[kDSequence] = random.tensor(DType::Float32, makeShape(s.B, s.T, s.H));
  c.in[kDFinalState] = random.tensor(DType::Float32, makeShape(s.B, s.H));
  c.out[kDGates] = Tensor(DType::Float32, makeShape(s.B, s.T, 2 * s.H));
  c.out[kDInitialState] = Tensor(DType::Float32, makeShape(s.B, s.H));
  return c;
}

class MinGru : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(MinGru);

TEST_P(MinGru, IsTheReference) {
  uint64_t seed = 1;
  for (const int64_t H : {1, 3, 8, 15, 16, 17, 33, 70})
    for (const MaskKind mask : kMaskKinds)
      for (const ActivationKind activation :
           {ActivationKind::Linear, ActivationKind::Tanh, ActivationKind::Softplus}) {
        Sizes sizes{.B = 1 + H % 4, .T = 9, .H = H, .mask = mask};
        sizes.attributes.activation.kind = activation;
        sizes.attributes.reverse = seed & 1;
        sizes.attributes.repeatMasked = seed >> 1 & 1;
        sizes.initialState = seed % 3 != 0;
        SCOPED_TRACE("case " + std::to_string(seed));
        Random random(seed++);
        const Case forward = forwardOf(random, sizes);
        expectAgreement(forward, 2e-6);
        Case run = forward;
        launch(device(), run);
        expectAgreement(backwardOf(random, sizes, run), 5e-6);
      }
}

TEST_P(MinGru, OptionalArguments) {
  const Sizes sizes{.B = 3, .T = 5, .H = 4, .mask = MaskKind::Holes};
  Random random(7);
  Case forward = forwardOf(random, sizes);
  Case run = forward;
  launch(device(), run);
  Case backward = backwardOf(random, sizes, run);
  forward.out[minGru::kSequence] = forward.out[minGru::kStates] = Tensor();
  expectAgreement(forward, 2e-6);
  backward.out[minGruBackward::kDInitialState] = Tensor();
  backward.in[minGruBackward::kDFinalState] = Tensor();
  expectAgreement(backward, 5e-6);
  backward.in[minGruBackward::kDFinalState] = run.out[minGru::kFinalState];
  backward.in[minGruBackward::kDSequence] = Tensor();
  expectAgreement(backward, 5e-6);
}

TEST_P(MinGru, ThreadsDoNotMatter) {
  uint64_t seed = 1;
  for (const auto& [B, H] : {std::pair<int64_t, int64_t>{1, 200}, {2, 70}, {5, 33}, {40, 16}}) {
    const Sizes sizes{.B = B, .T = 500, .H = H, .mask = MaskKind::Holes};
    Random random(seed++);
    Case forward = forwardOf(random, sizes);
    expectNoThreadsEffect(forward);
    launch(device(), forward);
    expectNoThreadsEffect(backwardOf(random, sizes, forward));
  }
}

TEST_P(MinGru, EmptyBatchesAndSequences) {
  for (const auto& [B, T] : {std::pair<int64_t, int64_t>{0, 5}, {3, 0}, {0, 0}}) {
    const Sizes sizes{.B = B, .T = T, .H = 4};
    Random random(1);
    Case forward = forwardOf(random, sizes);
    launch(device(), forward);
    EXPECT_TRUE(sameBits(forward.out[minGru::kFinalState], forward.in[minGru::kInitialState]));
    Case backward = backwardOf(random, sizes, forward);
    launch(device(), backward);
    EXPECT_TRUE(sameBits(backward.out[minGruBackward::kDInitialState],
                         backward.in[minGruBackward::kDFinalState]));
  }
}

}  // namespace
}  // namespace sluice::test
