// What may not change a bit of the CPU backend's recurrences: threads, batch mates, the cut of a
// sequence, padding, training.
#include <gtest/gtest.h>

#include <cstring>

#include "cpu/recurrent_grid.h"
#include "cpu/targets.h"
#include "support/recurrent.h"

namespace sluice::test {
namespace {

const Backend& cpu() { return backend("cpu"); }

RecurrentSizes sizesOf(int64_t B, int64_t T, int64_t I, int64_t H) {
  RecurrentSizes sizes;
  sizes.B = B;
  sizes.T = T;
  sizes.I = I;
  sizes.H = H;
  return sizes;
}

// Every cell, the two forms of a GRU, masks and zoneout, and layer norm.
constexpr size_t kCells = 8;
std::vector<RecurrentSizes> cellsOf(int64_t B, int64_t T, int64_t I, int64_t H) {
  std::vector<RecurrentSizes> all;
  for (const Op op : kRecurrentOps) {
    all.push_back(sizesOf(B, T, I, H));
    all.back().op = op;
  }
  all.push_back(sizesOf(B, T, I, H));
  all.back().attributes.resetAfter = 0;
  all.push_back(all[1].regularised(true, true, true));
  all.push_back(all[0].regularised(false, false, true));
  all.push_back(all[0].normalized());
  all.push_back(all[1].regularised(true, true, false).normalized(0.9));
  return all;
}

TEST(CpuRecurrentBits, ThreadsDoNotMatter) {
  uint64_t seed = 1;
  for (const auto& [B, H] : {std::pair<int64_t, int64_t>{2, 200}, {7, 64}, {33, 70}, {64, 130}}) {
    for (RecurrentSizes sizes : cellsOf(B, 30, 37, H)) {
      sizes.mask = B == 7 ? MaskKind::Holes : MaskKind::None;
      Random random(seed++);
      Case forward = recurrentForward(random, sizes, DType::Float32);
      expectThreadsDoNotMatter(cpu(), forward);
      launch(cpu(), forward);
      expectThreadsDoNotMatter(cpu(), recurrentBackwardOf(random, sizes, forward));
    }
  }
}

// Rows shared out among groups of threads, units among the members of a group.
TEST(CpuRecurrentBits, GridsDoNotMatter) {
  onEveryTarget([] {
    uint64_t seed = 1;
    for (const auto& [B, H] : {std::pair<int64_t, int64_t>{1, 70}, {2, 33}, {7, 64}, {33, 130}}) {
      for (const MaskKind mask : {MaskKind::None, MaskKind::Holes}) {
        for (const int recompute : {0, 1}) {
          RecurrentSizes sizes = cellsOf(B, 13, 37, H)[seed % kCells];
          sizes.mask = mask;
          sizes.attributes.recompute = recompute;
          sizes.attributes.repeatMasked = seed & 1;
          Random random(seed++);
          const Case forward = recurrentForward(random, sizes, DType::Float32);
          Case one = forward;
          launch(cpu(), one);
          const Case backward = recurrentBackwardOf(random, sizes, one);
          Case oneBackward = backward;
          launch(cpu(), oneBackward);
          for (const cpu::RecurrentGrid& grid :
               {cpu::RecurrentGrid{1, 2}, {1, 3}, {2, 2}, {3, 2}, {2, 5}}) {
            SCOPED_TRACE("grid " + std::to_string(grid.groups) + " x " +
                         std::to_string(grid.members) + ", case " + std::to_string(seed));
            cpu::forceRecurrentGrid(grid);
            Case many = forward, manyBackward = backward;
            for (Case* c : {&many, &manyBackward}) {
              c->context.threads = grid.threads();
              launch(cpu(), *c);
            }
            cpu::forceRecurrentGrid({0, 0});
            for (const size_t i :
                 {recurrent::kSequence, recurrent::kFinalState, recurrent::kFinalCell})
              ASSERT_TRUE(sameBits(one.out[i], many.out[i])) << "output " << i;
            for (size_t i = 0; i < manyBackward.out.size(); ++i)
              ASSERT_TRUE(sameBits(oneBackward.out[i], manyBackward.out[i])) << "gradient " << i;
          }
        }
      }
    }
  });
}

// The two directions of a layer, and a layer with the one that follows it.
TEST(CpuRecurrentBits, PairsDoNotMatter) {
  uint64_t seed = 1;
  for (const bool follows : {false, true}) {
    for (const MaskKind mask : {MaskKind::None, MaskKind::Holes}) {
      for (const auto& [B, T] : {std::pair<int64_t, int64_t>{1, 300}, {5, 90}, {70, 20}, {0, 3}}) {
        SCOPED_TRACE("case " + std::to_string(seed));
        RecurrentSizes lower = sizesOf(B, T, 21, 40), upper = sizesOf(B, T, follows ? 40 : 21, 50);
        lower.op = upper.op = kRecurrentOps[seed % 3];
        lower.mask = upper.mask = mask;
        upper.attributes.reverse = !follows;
        upper.attributes.recompute = seed & 1;
        Random random(seed++);
        Case first = recurrentForward(random, lower, DType::Float32);
        Case second = recurrentForward(random, upper, DType::Float32);
        second.in[recurrent::kMask] = first.in[recurrent::kMask];
        Case firstPaired = first, secondPaired = second;
        launch(cpu(), first);
        if (follows) second.in[recurrent::kX] = first.out[recurrent::kSequence];
        launch(cpu(), second);
        cpu::forceRecurrentGrid({2, 2});
        for (Case* c : {&firstPaired, &secondPaired}) c->context.threads = 4;
        launchPair(cpu(), firstPaired, secondPaired, follows);
        cpu::forceRecurrentGrid({0, 0});
        for (const size_t i :
             {recurrent::kSequence, recurrent::kFinalState, recurrent::kFinalCell}) {
          ASSERT_TRUE(sameBits(first.out[i], firstPaired.out[i])) << "output " << i;
          ASSERT_TRUE(sameBits(second.out[i], secondPaired.out[i])) << "output " << i;
        }
        // Backward the upper one leads.
        Case below = recurrentBackwardOf(random, lower, first);
        Case above = recurrentBackwardOf(random, upper, second);
        Case belowPaired = below, abovePaired = above;
        launch(cpu(), above);
        if (follows) below.in[recurrentBackward::kDSequence] = above.out[recurrentBackward::kDx];
        launch(cpu(), below);
        cpu::forceRecurrentGrid({2, 2});
        for (Case* c : {&belowPaired, &abovePaired}) c->context.threads = 4;
        launchPair(cpu(), abovePaired, belowPaired, follows);
        cpu::forceRecurrentGrid({0, 0});
        for (size_t i = 0; i < below.out.size(); ++i) {
          ASSERT_TRUE(sameBits(above.out[i], abovePaired.out[i])) << "gradient " << i;
          ASSERT_TRUE(sameBits(below.out[i], belowPaired.out[i])) << "gradient " << i;
        }
      }
    }
  }
}

TEST(CpuRecurrentBits, RecomputedGatesGiveTheSameGradients) {
  onEveryTarget([] {
    uint64_t seed = 1;
    for (size_t cell = 0; cell < kCells; ++cell) {
      for (const MaskKind mask : {MaskKind::None, MaskKind::Right, MaskKind::Holes}) {
        RecurrentSizes sizes = cellsOf(19, 41, 6, 50)[cell];
        sizes.mask = mask;
        Random random(seed++);
        Case forward = recurrentForward(random, sizes, DType::Float32);
        launch(cpu(), forward);
        RecurrentSizes lowSizes = sizes;
        lowSizes.attributes.recompute = 1;
        Random again(seed - 1);
        Case low = recurrentForward(again, lowSizes, DType::Float32);
        launch(cpu(), low);
        // States alone are kept: of five or six planes one or two, of a simple RNN all there is.
        if (sizes.op != Op::SimpleRnn)
          ASSERT_LT(low.out[recurrent::kReserve].size(),
                    forward.out[recurrent::kReserve].size() * 0.4);
        ASSERT_TRUE(sameBits(forward.out[recurrent::kSequence], low.out[recurrent::kSequence]));
        Case backward = recurrentBackwardOf(random, sizes, forward);
        Case lowBackward = recurrentBackwardOf(again, lowSizes, low);
        launch(cpu(), backward);
        launch(cpu(), lowBackward);
        for (size_t i = 0; i < backward.out.size(); ++i)
          EXPECT_TRUE(sameBits(backward.out[i], lowBackward.out[i])) << "gradient " << i;
      }
    }
  });
}

TEST(CpuRecurrentBits, InferenceGivesTheBitsOfTraining) {
  for (RecurrentSizes sizes : cellsOf(9, 20, 5, 40)) {
    Random random(3);
    Case training = recurrentForward(random, sizes, DType::Float32);
    Case inference = training;
    inference.out[recurrent::kReserve] = Tensor();
    launch(cpu(), training);
    launch(cpu(), inference);
    EXPECT_TRUE(sameBits(training.out[recurrent::kSequence], inference.out[recurrent::kSequence]));
    EXPECT_TRUE(
        sameBits(training.out[recurrent::kFinalState], inference.out[recurrent::kFinalState]));
  }
}

// `count` rows from `row` on of a tensor whose first axis is the batch.
Tensor rowsOf(const Tensor& tensor, int64_t row, int64_t count) {
  if (!tensor.present()) return {};
  Shape shape = tensor.shape();
  const size_t bytes = static_cast<size_t>(tensor.size() / shape[0]) * dtypeBytes(tensor.dtype());
  shape[0] = count;
  Tensor part(tensor.dtype(), shape);
  std::memcpy(part.data<uint8_t>(), tensor.data<uint8_t>() + static_cast<size_t>(row) * bytes,
              static_cast<size_t>(count) * bytes);
  return part;
}

Case rowsOfCase(const Case& c, int64_t row, int64_t count) {
  Case part = c;
  for (const int i :
       {recurrent::kX, recurrent::kMask, recurrent::kInitialState, recurrent::kInitialCell,
        recurrent::kInputMasks, recurrent::kStateMasks, recurrent::kZoneout})
    part.in[static_cast<size_t>(i)] = rowsOf(c.in[static_cast<size_t>(i)], row, count);
  for (Tensor& out : part.out) out = rowsOf(out, row, count);
  return part;
}

TEST(CpuRecurrentBits, RowsDoNotDependOnTheirBatch) {
  onEveryTarget([] {
    for (size_t cell = 0; cell < kCells; ++cell) {
      for (const MaskKind mask : {MaskKind::None, MaskKind::Holes}) {
        RecurrentSizes sizes = cellsOf(21, 11, 7, 53)[cell];
        sizes.mask = mask;
        sizes.reserve = false;
        Random random(5);
        Case all = recurrentForward(random, sizes, DType::Float32);
        all.context.threads = 2;
        launch(cpu(), all);
        for (const int64_t count : {1, 2, 3, 4, 5, 7, 8, 9, 13}) {
          for (int64_t row = 0; row + count <= sizes.B; row += count) {
            Case some = rowsOfCase(all, row, count);
            some.context.threads = 1 + static_cast<int>(row % 2);
            launch(cpu(), some);
            ASSERT_TRUE(sameBits(some.out[recurrent::kSequence],
                                 rowsOf(all.out[recurrent::kSequence], row, count)));
            for (const size_t i : {recurrent::kFinalState, recurrent::kFinalCell})
              ASSERT_TRUE(sameBits(some.out[i], rowsOf(all.out[i], row, count)));
          }
        }
      }
    }
  });
}

// Steps [t, t + count) of a [B,T,...] tensor.
Tensor stepsOf(const Tensor& tensor, int64_t t, int64_t count) {
  if (!tensor.present()) return {};
  Shape shape = tensor.shape();
  const int64_t B = shape[0], T = shape[1];
  const size_t bytes = static_cast<size_t>(tensor.size() / (B * T)) * dtypeBytes(tensor.dtype());
  shape[1] = count;
  Tensor part(tensor.dtype(), shape);
  for (int64_t b = 0; b < B; ++b)
    std::memcpy(part.data<uint8_t>() + static_cast<size_t>(b * count) * bytes,
                tensor.data<uint8_t>() + static_cast<size_t>(b * T + t) * bytes,
                static_cast<size_t>(count) * bytes);
  return part;
}

TEST(CpuRecurrentBits, PushingPiecesGivesTheBitsOfTheSequence) {
  onEveryTarget([] {
    for (size_t cell = 0; cell < kCells; ++cell) {
      for (const int64_t B : {1, 3, 8, 12}) {
        RecurrentSizes sizes = cellsOf(B, 24, 9, 70)[cell];
        sizes.reserve = false;
        sizes.mask = B == 3 ? MaskKind::Holes : MaskKind::None;
        Random random(6);
        Case whole = recurrentForward(random, sizes, DType::Float32);
        launch(cpu(), whole);
        for (const int64_t piece : {1, 2, 3, 8}) {
          Tensor state = whole.in[recurrent::kInitialState];
          Tensor cellState = whole.in[recurrent::kInitialCell];
          for (int64_t t = 0; t < sizes.T; t += piece) {
            Case part = whole;
            part.in[recurrent::kX] = stepsOf(whole.in[recurrent::kX], t, piece);
            part.in[recurrent::kMask] = stepsOf(whole.in[recurrent::kMask], t, piece);
            part.in[recurrent::kZoneout] = stepsOf(whole.in[recurrent::kZoneout], t, piece);
            part.in[recurrent::kInitialState] = state;
            part.in[recurrent::kInitialCell] = cellState;
            part.out[recurrent::kSequence] = stepsOf(whole.out[recurrent::kSequence], t, piece);
            launch(cpu(), part);
            ASSERT_TRUE(sameBits(part.out[recurrent::kSequence],
                                 stepsOf(whole.out[recurrent::kSequence], t, piece)));
            state = part.out[recurrent::kFinalState];
            cellState = part.out[recurrent::kFinalCell];
          }
          ASSERT_TRUE(sameBits(state, whole.out[recurrent::kFinalState]));
          ASSERT_TRUE(sameBits(cellState, whole.out[recurrent::kFinalCell]));
        }
      }
    }
  });
}

TEST(CpuRecurrentBits, PaddingDoesNotMatter) {
  for (RecurrentSizes sizes : cellsOf(6, 12, 5, 33)) {
    sizes.mask = MaskKind::Right;
    Random random(8);
    Case forward = recurrentForward(random, sizes, DType::Float32);
    Case other = forward;
    const Tensor& mask = forward.in[recurrent::kMask];
    for (int64_t i = 0; i < mask.size(); ++i) {
      for (int64_t j = 0; mask.get(i) == 0 && j < sizes.I; ++j)
        other.in[recurrent::kX].set(i * sizes.I + j, 1000);
    }
    launch(cpu(), forward);
    launch(cpu(), other);
    EXPECT_TRUE(sameBits(forward.out[recurrent::kSequence], other.out[recurrent::kSequence]));
    EXPECT_TRUE(sameBits(forward.out[recurrent::kFinalState], other.out[recurrent::kFinalState]));
    Case backward = recurrentBackwardOf(random, sizes, forward);
    Case otherBackward = backward;
    otherBackward.in[recurrentBackward::kX] = other.in[recurrent::kX];
    otherBackward.in[recurrentBackward::kReserve] = other.out[recurrent::kReserve];
    launch(cpu(), backward);
    launch(cpu(), otherBackward);
    for (size_t i = 0; i < backward.out.size(); ++i)
      EXPECT_TRUE(sameBits(backward.out[i], otherBackward.out[i])) << i;
  }
}

}  // namespace
}  // namespace sluice::test
