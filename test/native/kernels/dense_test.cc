// The dense layer against the reference in double.
#include <gtest/gtest.h>

#include <cstring>

#include "support/agreement.h"

namespace sluice::test {
namespace {

Case denseForward(Random& random, int64_t rows, int64_t inputs, int64_t outputs, bool bias) {
  Case c{Op::Dense, nullptr, std::vector<Tensor>(dense::kInCount),
         std::vector<Tensor>(dense::kOutCount)};
  c.in[dense::kX] = random.tensor(DType::Float32, makeShape(rows, inputs));
  c.in[dense::kKernel] = random.tensor(DType::Float32, makeShape(inputs, outputs));
  if (bias) c.in[dense::kBias] = random.tensor(DType::Float32, makeShape(outputs));
  c.out[dense::kY] = Tensor(DType::Float32, makeShape(rows, outputs));
  return c;
}

Case denseBackwardOf(Random& random, const Case& forward) {
  Case c{Op::DenseBackward, nullptr, std::vector<Tensor>(denseBackward::kInCount),
         std::vector<Tensor>(denseBackward::kOutCount)};
  const Tensor& kernel = forward.in[dense::kKernel];
  c.in[denseBackward::kX] = forward.in[dense::kX];
  c.in[denseBackward::kKernel] = kernel;
  c.in[denseBackward::kDy] = random.tensor(DType::Float32, forward.out[dense::kY].shape());
  c.out[denseBackward::kDx] = Tensor(DType::Float32, forward.in[dense::kX].shape());
  c.out[denseBackward::kDKernel] = Tensor(DType::Float32, kernel.shape());
  c.out[denseBackward::kDBias] = Tensor(DType::Float32, makeShape(kernel.shape()[1]));
  return c;
}

class Dense : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Dense);

TEST_P(Dense, FollowsTheReference) {
  Random random(1);
  for (const int64_t rows : {0, 1, 2, 5, 9, 33, 700}) {
    for (const int64_t inputs : {1, 7, 64, 130}) {
      for (const int64_t outputs : {1, 3, 10, 48, 65}) {
        SCOPED_TRACE(testing::Message() << rows << "x" << inputs << "x" << outputs);
        const Case forward = denseForward(random, rows, inputs, outputs, rows % 2 == 1);
        expectAgreement(forward, 2e-6);
        Case backward = denseBackwardOf(random, forward);
        backward.context.threads = 2;
        expectAgreement(backward, 5e-6);
      }
    }
  }
}

TEST_P(Dense, ThreadsDoNotMatter) {
  Random random(2);
  for (const auto& [rows, inputs, outputs] :
       {std::array<int64_t, 3>{3, 700, 900}, {400, 300, 520}, {5000, 64, 10}}) {
    Case forward = denseForward(random, rows, inputs, outputs, true);
    expectNoThreadsEffect(forward);
    expectNoThreadsEffect(denseBackwardOf(random, forward));
  }
}

TEST_P(Dense, RowsDoNotDependOnEachOther) {
  onEveryTarget([&] {
    Random random(3);
    Case all = denseForward(random, 30, 300, 70, true);
    launch(device(), all);
    for (int64_t rows = 1; rows <= 11; ++rows) {
      for (int64_t row = 0; row + rows <= 30; row += rows) {
        Case some = all;
        some.in[dense::kX] = Tensor(DType::Float32, makeShape(rows, 300));
        std::memcpy(some.in[dense::kX].data<float>(), all.in[dense::kX].data<float>() + row * 300,
                    static_cast<size_t>(rows * 300) * sizeof(float));
        some.out[dense::kY] = Tensor(DType::Float32, makeShape(rows, 70));
        launch(device(), some);
        ASSERT_EQ(std::memcmp(some.out[dense::kY].data<float>(),
                              all.out[dense::kY].data<float>() + row * 70,
                              static_cast<size_t>(rows * 70) * sizeof(float)),
                  0);
      }
    }
  });
}

TEST_P(Dense, SeveralLeadingAxes) {
  Random random(4);
  Case c = denseForward(random, 1, 6, 4, true);
  c.in[dense::kX] = random.tensor(DType::Float32, makeShape(2, 3, 5, 6));
  c.out[dense::kY] = Tensor(DType::Float32, makeShape(2, 3, 5, 4));
  expectAgreement(c, 2e-6);
}

}  // namespace
}  // namespace sluice::test
