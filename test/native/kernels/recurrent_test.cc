// Recurrences of every fast backend against the reference in double. Sizes are small: where there
// is no GPU, an emulator runs every thread.
#include "support/recurrent.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "support/agreement.h"

namespace sluice::test {
namespace {

// The two forms of a GRU, and the other cells; all but one also with layer norm.
struct Cell {
  Op op = Op::Gru;
  int resetAfter = 1;
  bool norm = false;

  RecurrentSizes sizes(int64_t B, int64_t T, int64_t I, int64_t H) const {
    RecurrentSizes sizes = recurrentSizes(op, B, T, I, H);
    sizes.attributes.resetAfter = resetAfter;
    return norm ? sizes.normalized() : sizes;
  }
};

class Recurrent : public FastBackend {
 protected:
  template <typename Body>
  void onEveryTargetAndCell(const Body& body) const {
    onEveryTarget([&] {
      for (const Op op : kRecurrentOps)
        for (const bool norm : {false, true}) body(Cell{op, 1, norm});
      body(Cell{Op::Gru, 0, false});
    });
  }
  // Less, more and as much as vectors hold; an emulator takes its time.
  std::vector<int64_t> widths() const {
    return isCpu() ? std::vector<int64_t>{5, 16, 33} : std::vector<int64_t>{9, 20};
  }
  void expect(const RecurrentSizes& sizes, uint64_t seed) const {
    RunContext context;
    context.threads = 1 + static_cast<int>(seed % 2);
    expectAsReference(device(), sizes, seed, context);
  }
};
SLUICE_ON_FAST_BACKENDS(Recurrent);

TEST_P(Recurrent, EveryOption) {
  onEveryTargetAndCell([&](const Cell& cell) {
    uint64_t seed = 1;
    for (int bits = 0; bits < 8; ++bits) {
      if (cell.op != Op::Gru && !(bits & 1)) continue;  // a GRU's
      for (const MaskKind mask : kMaskKinds) {
        for (const int64_t H : widths()) {
          RecurrentSizes sizes = cell.sizes(4, 6, 3, H);
          sizes.mask = mask;
          sizes.attributes.replace = bits & 1;
          sizes.attributes.reverse = bits >> 1 & 1;
          sizes.attributes.repeatMasked = bits >> 2 & 1;
          sizes.bias = seed % 3 != 0;
          sizes.initialState = seed % 4 != 0;
          sizes.sequence = seed % 5 != 0;
          expect(sizes, seed++);
        }
      }
    }
  });
}

TEST_P(Recurrent, MasksOfTheGatesAndZoneout) {
  onEveryTargetAndCell([&](const Cell& cell) {
    uint64_t seed = 1;
    for (int bits = 1; bits < 8; ++bits) {
      for (const MaskKind mask : {MaskKind::None, MaskKind::Right, MaskKind::Holes}) {
        for (const int64_t H : widths()) {
          RecurrentSizes sizes =
              cell.sizes(4, 6, 3, H).regularised(bits & 1, bits >> 1 & 1, bits >> 2 & 1);
          sizes.mask = mask;
          sizes.attributes.reverse = seed % 3 == 0;
          sizes.attributes.repeatMasked = seed % 4 == 0;
          sizes.attributes.recompute = seed % 5 == 0;
          if (seed % 7 == 0) sizes.attributes.activation.kind = ActivationKind::Softsign;
          expect(sizes, seed++);
        }
      }
    }
  });
}

// Inference, and gradients outside of training, take the expectation of zoneout.
TEST_P(Recurrent, ExpectedZoneoutAndClip) {
  onEveryTargetAndCell([&](const Cell& cell) {
    uint64_t seed = 1;
    for (const MaskKind mask : {MaskKind::None, MaskKind::Right, MaskKind::Holes}) {
      for (const double clip : {0.0, 0.7}) {
        for (const bool drawn : {false, true}) {
          RecurrentSizes sizes = cell.sizes(4, 5, 3, 10).regularised(false, false, drawn);
          sizes.mask = mask;
          sizes.attributes.zoneout = 0.3;
          sizes.attributes.clip = clip;
          sizes.attributes.reverse = seed % 3 == 0;
          sizes.attributes.repeatMasked = seed % 4 == 0;
          expect(sizes, seed++);
        }
      }
    }
  });
}

TEST_P(Recurrent, EveryActivation) {
  using Kind = ActivationKind;
  const ActivationSpec specs[] = {
      {Kind::Linear},   {Kind::Tanh},           {Kind::Sigmoid},
      {Kind::Relu},     {Kind::Softsign},       {Kind::Softplus},
      {Kind::Elu, 0.7}, {Kind::LeakyRelu, 0.3}, {Kind::HardSigmoid, 0.2, 0.5}};
  onEveryTargetAndCell([&](const Cell& cell) {
    for (const ActivationSpec& candidate : specs) {
      for (const ActivationSpec& gates : {specs[2], specs[8], specs[4], candidate}) {
        // Few steps: with unbounded gates the state grows like a power of a power.
        RecurrentSizes sizes = cell.sizes(3, 2, 4, 19);
        sizes.attributes.activation = candidate;
        sizes.attributes.recurrentActivation = gates;
        expect(sizes, 7);
      }
    }
  });
}

TEST_P(Recurrent, EmptyBatchesAndSequences) {
  for (const Op op : kRecurrentOps)
    for (const bool norm : {false, true})
      for (const auto& [B, T] : {std::pair<int64_t, int64_t>{0, 5}, {3, 0}, {0, 0}})
        expect(Cell{op, 1, norm}.sizes(B, T, 4, 10), 1);
}

TEST_P(Recurrent, MaskedStepsAreNotLookedAt) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  onEveryTargetAndCell([&](const Cell& cell) {
    RecurrentSizes sizes = cell.sizes(6, 5, 3, 9);
    sizes.mask = MaskKind::EmptyRow;
    Random random(11);
    Case clean = recurrentForward(random, sizes, DType::Float32);
    Case dirty = clean;
    const Tensor& mask = clean.in[recurrent::kMask];
    for (int64_t at = 0; at < mask.size(); ++at)
      for (int64_t i = 0; i < sizes.I && mask.get(at) == 0; ++i)
        dirty.in[recurrent::kX].set(at * sizes.I + i, nan);
    launch(device(), clean);
    launch(device(), dirty);
    Case back = recurrentBackwardOf(random, sizes, clean);
    Case dirtyBack = back;
    dirtyBack.in[recurrent::kX] = dirty.in[recurrent::kX];
    dirtyBack.in[recurrentBackward::kReserve] = dirty.out[recurrent::kReserve];
    for (int64_t at = 0; at < mask.size(); ++at)
      for (int64_t j = 0; j < sizes.H && mask.get(at) == 0; ++j)
        dirtyBack.in[recurrentBackward::kDSequence].set(at * sizes.H + j, nan);
    launch(device(), back);
    launch(device(), dirtyBack);
    for (const size_t out : {recurrent::kSequence, recurrent::kFinalState})
      EXPECT_TRUE(sameBits(clean.out[out], dirty.out[out])) << out;
    for (size_t out = 0; out < back.out.size(); ++out)
      EXPECT_TRUE(sameBits(back.out[out], dirtyBack.out[out])) << "gradient " << out;
  });
}

TEST_P(Recurrent, GradientsThatAreNotWantedAreNotWritten) {
  using namespace recurrentBackward;
  onEveryTargetAndCell([&](const Cell& cell) {
    const RecurrentSizes sizes = cell.sizes(5, 4, 6, 10);
    Random random(9);
    Case forward = recurrentForward(random, sizes, DType::Float32);
    launch(device(), forward);
    Case all = recurrentBackwardOf(random, sizes, forward);
    launch(device(), all);
    const auto expectSame = [&](std::initializer_list<int> absent) {
      Case some = all;
      for (const int i : absent) some.out[static_cast<size_t>(i)] = Tensor();
      launch(device(), some);
      for (size_t i = 0; i < all.out.size(); ++i)
        EXPECT_TRUE(!some.out[i].present() || sameBits(all.out[i], some.out[i])) << i;
    };
    expectSame({kDKernel, kDRecurrentKernel, kDBias, kDGamma, kDCellGamma, kDCellBeta});
    expectSame({kDx, kDInitialState, kDInitialCell});
    expectSame({kDBias});
  });
}

}  // namespace
}  // namespace sluice::test
