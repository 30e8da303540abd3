// Constrain against the reference.
#include <gtest/gtest.h>

#include "support/agreement.h"

namespace sluice::test {
namespace {

class Constrain : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Constrain);

TEST_P(Constrain, Agrees) {
  Random random(1);
  for (const Shape& shape : {makeShape(7), makeShape(300), makeShape(1, 1), makeShape(3, 5),
                             makeShape(2, 63), makeShape(4, 64), makeShape(5, 65),
                             makeShape(9, 200), makeShape(3, 4, 70), makeShape(0, 3)}) {
    const Tensor w = random.tensor(DType::Float32, shape);
    for (const ConstraintKind kind :
         {ConstraintKind::MaxNorm, ConstraintKind::NonNeg, ConstraintKind::UnitNorm})
      for (int32_t axis = 0; axis < shape.rank; ++axis) {
        const ConstraintAttributes attributes{kind, 0.8, axis};
        expectAgreement({Op::Constrain, &attributes, {}, {w}}, 2e-7);
      }
  }
}

TEST_P(Constrain, ThreadsDoNotMatter) {
  Random random(2);
  const Tensor w = random.tensor(DType::Float32, makeShape(333, 1001));
  for (const ConstraintKind kind :
       {ConstraintKind::MaxNorm, ConstraintKind::NonNeg, ConstraintKind::UnitNorm})
    for (const int32_t axis : {0, 1}) {
      const ConstraintAttributes attributes{kind, 0.8, axis};
      expectNoThreadsEffect({Op::Constrain, &attributes, {}, {w}});
    }
}

}  // namespace
}  // namespace sluice::test
