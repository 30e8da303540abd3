// Embedding and StepMask against the reference.
#include <gtest/gtest.h>

#include <limits>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Embedding : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Embedding);
class StepMask : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(StepMask);

TEST_P(Embedding, Agrees) {
  Random random(1);
  for (const int64_t D : {1, 3, 7, 8, 9, 16, 17, 33, 100}) {
    for (const Shape& shape :
         {makeShape(0, 4), makeShape(1, 1), makeShape(3, 5), makeShape(2, 3, 2)}) {
      constexpr int64_t kRows = 6;  // ids come several times, some not at all
      const Tensor ids = random.tensor(DType::Int32, shape, 0, kRows - 1);
      const Tensor table = random.tensor(kReal, makeShape(kRows, D));
      Shape whole = shape;
      whole[whole.rank++] = D;
      const Tensor dy = random.tensor(kReal, whole);
      expectAgreement({Op::Embedding, nullptr, {ids, table}, {Tensor(kReal, whole)}}, 0);
      expectAgreement({Op::EmbeddingBackward, nullptr, {ids, dy}, {Tensor(kReal, table.shape())}},
                      1e-6);
    }
  }
}

// The gradient of a row is added up in the order of the ids, to the bit.
TEST_P(Embedding, AddsInOrder) {
  Random random(4);
  for (const int64_t rows : {1, 5, 1500}) {
    const Tensor ids =
        random.tensor(DType::Int32, makeShape(50, 50), 0, static_cast<double>(rows - 1));
    const Tensor dy = random.tensor(kReal, makeShape(50, 50, 3));
    Case want{Op::EmbeddingBackward, nullptr, {ids, dy}, {Tensor(kReal, makeShape(rows, 3))}};
    launch(backend("reference"), want);
    onEveryTarget([&] {
      Case c = want;
      launch(device(), c);
      EXPECT_TRUE(sameBits(c.out[0], want.out[0])) << rows;
    });
  }
}

TEST_P(Embedding, ThreadsDoNotMatter) {
  Random random(2);
  const Tensor ids = random.tensor(DType::Int32, makeShape(40, 50), 0, 9);
  const Tensor table = random.tensor(kReal, makeShape(10, 100));
  const Tensor dy = random.tensor(kReal, makeShape(40, 50, 100));
  expectNoThreadsEffect({Op::Embedding, nullptr, {ids, table}, {dy}});
  expectNoThreadsEffect({Op::EmbeddingBackward, nullptr, {ids, dy}, {table}});
}

// Fewer values than any type has, so that steps of one value come up.
Tensor coarse(Random& random, DType dtype, const Shape& shape) {
  Tensor x(dtype, shape);
  for (int64_t i = 0; i < x.size(); ++i) x.set(i, static_cast<double>(random.integer(-1, 1)));
  return x;
}

TEST_P(StepMask, Agrees) {
  Random random(3);
  for (const Shape& shape : {makeShape(3, 7, 1), makeShape(5, 9, 2), makeShape(2, 3, 2, 2),
                             makeShape(0, 4, 2), makeShape(3, 0, 2), makeShape(64, 800, 3)})
    for (const bool masked : {false, true})
      for (const double value : {0.0, -1.0}) {
        const StepMaskAttributes attributes{value};
        const Shape steps = makeShape(shape[0], shape[1]);
        const Tensor mask = masked ? random.mask(steps) : Tensor();
        for (const DType dtype : {kReal, DType::Int32}) {
          Tensor x = coarse(random, dtype, shape);
          if (dtype == kReal && x.size() > 0)
            x.set(0, std::numeric_limits<double>::quiet_NaN());  // differs from every value
          const Case c{Op::StepMask, &attributes, {x, mask}, {Tensor(DType::Bool, steps)}};
          expectAgreement(c, 0);
          expectNoThreadsEffect(c);
        }
      }
}

}  // namespace
}  // namespace sluice::test
