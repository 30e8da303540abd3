// The CPU backend's GRU on a grid of shapes and options, on every instruction set of the machine:
// against the reference in double, and bit by bit against itself with other threads, other batch
// mates and more padding.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "cpu/agreement.h"
#include "support/recurrent.h"

namespace sluice::test {
namespace {

constexpr double kForwardBound = 2e-6;
constexpr double kGradientBound = 5e-6;

const Backend& cpu() { return backend("cpu"); }

// Everything but the widths, drawn with a fixed seed.
RecurrentSizes draw(Random& random, int64_t H, int64_t index) {
  RecurrentSizes sizes;
  sizes.H = H;
  sizes.B = 1 + index % 9;
  sizes.T = random.integer(1, 7);
  sizes.I = random.integer(1, index % 4 == 0 ? 70 : 12);
  sizes.mask = kMaskKinds[index % std::size(kMaskKinds)];
  sizes.attributes.resetAfter = random.integer(0, 2) > 0;
  sizes.attributes.replace = random.integer(0, 1) == 1;
  sizes.attributes.reverse = random.integer(0, 1) == 1;
  sizes.attributes.repeatMasked = random.integer(0, 1) == 1;
  sizes.bias = random.integer(0, 3) > 0;
  sizes.initialState = random.integer(0, 3) > 0;
  sizes.sequence = random.integer(0, 3) > 0;
  return sizes;
}

// Every width of up to a few vectors, and those around the blocks of the kernels; each with both
// forms of the reset gate.
std::vector<RecurrentSizes> grid() {
  std::vector<int64_t> widths(70);
  std::iota(widths.begin(), widths.end(), 1);
  for (const int64_t H : {127, 128, 129, 191, 192, 255, 256, 257, 272}) widths.push_back(H);
  Random random(2024);
  std::vector<RecurrentSizes> all;
  for (const int64_t H : widths) {
    RecurrentSizes sizes = draw(random, H, static_cast<int64_t>(all.size()));
    all.push_back(sizes);
    sizes = draw(random, H, static_cast<int64_t>(all.size()));
    sizes.attributes.resetAfter = !all.back().attributes.resetAfter;
    all.push_back(sizes);
  }
  return all;
}

// max|got - want| / max|want| over the gate blocks of a kernel's or a bias' gradient, the worst of
// them; for other tensors over the whole.
double gradientError(const Tensor& got, const Tensor& want, int64_t H, int gates) {
  double worst = 0;
  for (int gate = 0; gate < gates; ++gate) {
    double largest = 0, difference = 0;
    for (int64_t i = 0; i < want.size(); ++i) {
      if (gates > 1 && i / H % gates != gate) continue;
      largest = std::max(largest, std::abs(want.get(i)));
      const double d = std::abs(got.get(i) - want.get(i));
      difference = std::max(difference, std::isnan(d) ? INFINITY : d);
    }
    if (difference > 0) worst = std::max(worst, difference / largest);
  }
  return worst;
}

class RecurrentGrid {
 public:
  RecurrentGrid(const RecurrentSizes& sizes, uint64_t seed) : sizes_(sizes), random_(seed) {
    forward_ = recurrentForward(random_, sizes_, DType::Float32);
    wanted_ = inDouble(forward_);
    launch(backend("reference"), wanted_);
    backward_ = recurrentBackwardOf(random_, sizes_, forward_);
    wantedBackward_ = inDouble(backward_);
    wantedBackward_.in[recurrentBackward::kReserve] = wanted_.out[recurrent::kReserve];
    launch(backend("reference"), wantedBackward_);
  }

  // On the instruction set in use, all addresses odd by `elements`.
  void check(int elements) const {
    Case forward = misaligned(forward_, elements);
    launch(cpu(), forward);
    for (const size_t out : {recurrent::kSequence, recurrent::kFinalState})
      if (forward.out[out].present())
        EXPECT_LE(difference(forward.out[out], wanted_.out[out]), kForwardBound)
            << "output " << out;
    Case backward = misaligned(backward_, elements);
    backward.in[recurrentBackward::kReserve] = forward.out[recurrent::kReserve];
    launch(cpu(), backward);
    for (size_t i = 0; i < backward.out.size(); ++i) {
      const bool byGate = i >= recurrentBackward::kDKernel && i <= recurrentBackward::kDBias;
      if (backward.out[i].present())
        EXPECT_LE(gradientError(backward.out[i], wantedBackward_.out[i], sizes_.H, byGate ? 3 : 1),
                  kGradientBound)
            << "gradient " << i;
    }
  }

 private:
  const RecurrentSizes sizes_;
  Random random_;
  Case forward_, wanted_, backward_, wantedBackward_;
};

TEST(CpuGruGrid, FollowsTheReference) {
  uint64_t seed = 1;
  for (const RecurrentSizes& sizes : grid()) {
    SCOPED_TRACE(describe(sizes));
    const RecurrentGrid grid(sizes, seed);
    onEveryTarget([&] { grid.check(static_cast<int>(seed % 3)); });
    ++seed;
  }
}

// Large enough for several threads.
TEST(CpuGruGrid, ThreadsDoNotMatter) {
  Random random(7);
  int64_t index = 0;
  for (const int64_t H : {33, 64, 70, 130, 257}) {
    for (const int64_t B : {2, 7, 9, 33}) {
      RecurrentSizes sizes = draw(random, H, index++);
      sizes.B = B;
      constexpr int64_t kOperations = 9 << 20;
      sizes.T = 1 + kOperations / (6 * sizes.B * sizes.H * (sizes.H + sizes.I));
      SCOPED_TRACE(describe(sizes));
      Case forward = recurrentForward(random, sizes, DType::Float32);
      const Case backward = recurrentBackwardOf(random, sizes, forward);
      onEveryTarget([&] {
        expectThreadsDoNotMatter(cpu(), forward);
        Case training = forward, gradients = backward;
        launch(cpu(), training);
        gradients.in[recurrentBackward::kReserve] = training.out[recurrent::kReserve];
        expectThreadsDoNotMatter(cpu(), gradients);
      });
    }
  }
}

// Row i of the result is row rows[i], and each has `padding` more steps, which hold numbers.
Tensor taken(const Tensor& tensor, const std::vector<int64_t>& rows, int64_t steps, int64_t padding,
             double value) {
  if (!tensor.present()) return {};
  Shape shape = tensor.shape();
  const int64_t width = tensor.size() / shape[0];
  shape[0] = static_cast<int64_t>(rows.size());
  const int64_t more = steps > 0 ? width / steps * padding : 0;
  if (steps > 0) shape[1] += padding;
  Tensor result = Tensor::filled(tensor.dtype(), shape, value);
  for (size_t i = 0; i < rows.size(); ++i)
    for (int64_t j = 0; j < width; ++j)
      result.set(static_cast<int64_t>(i) * (width + more) + j, tensor.get(rows[i] * width + j));
  return result;
}

bool sameRow(const Tensor& a, int64_t rowA, const Tensor& b, int64_t rowB, int64_t floats) {
  const int64_t widthA = a.size() / a.shape()[0], widthB = b.size() / b.shape()[0];
  return std::memcmp(a.data<float>() + rowA * widthA, b.data<float>() + rowB * widthB,
                     static_cast<size_t>(floats) * sizeof(float)) == 0;
}

// In inference a row has the same bits wherever it stands, whoever stands beside it, and however
// many steps of padding follow.
TEST(CpuGruGrid, RowsDoNotDependOnPlaceMatesAndPadding) {
  Random random(8);
  int64_t index = 0;
  for (const int64_t H : {1, 4, 7, 15, 16, 17, 31, 33, 48, 64, 70, 129, 256}) {
    RecurrentSizes sizes = draw(random, H, index++);
    sizes.reserve = false;
    sizes.sequence = true;
    Case forward = recurrentForward(random, sizes, DType::Float32);
    for (const size_t count : {1, 2, 5, 13, 24}) {
      const int64_t padding = random.integer(0, 3);
      std::vector<int64_t> rows(count);
      for (int64_t& row : rows) row = random.integer(0, sizes.B - 1);
      SCOPED_TRACE(describe(sizes) + " rows " + std::to_string(count));
      Case other = forward;
      other.in[recurrent::kX] = taken(forward.in[recurrent::kX], rows, sizes.T, padding, 3);
      Tensor mask = forward.in[recurrent::kMask];
      if (!mask.present()) mask = Tensor::filled(DType::Bool, makeShape(sizes.B, sizes.T), 1);
      if (padding > 0 || forward.in[recurrent::kMask].present())
        other.in[recurrent::kMask] = taken(mask, rows, sizes.T, padding, 0);
      other.in[recurrent::kInitialState] =
          taken(forward.in[recurrent::kInitialState], rows, 0, 0, 0);
      other.out[recurrent::kSequence] =
          taken(forward.out[recurrent::kSequence], rows, sizes.T, padding, 0);
      other.out[recurrent::kFinalState] = taken(forward.out[recurrent::kFinalState], rows, 0, 0, 0);
      other.context.threads = static_cast<int32_t>(random.integer(1, 3));
      onEveryTarget([&] {
        launch(cpu(), forward);
        launch(cpu(), other);
        for (size_t i = 0; i < count; ++i) {
          const auto row = static_cast<int64_t>(i);
          ASSERT_TRUE(sameRow(other.out[recurrent::kSequence], row,
                              forward.out[recurrent::kSequence], rows[i], sizes.T * H));
          ASSERT_TRUE(sameRow(other.out[recurrent::kFinalState], row,
                              forward.out[recurrent::kFinalState], rows[i], H));
        }
      });
    }
  }
}

}  // namespace
}  // namespace sluice::test
