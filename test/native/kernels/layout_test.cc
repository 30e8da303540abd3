// Permute and Repeat against the reference.
#include <gtest/gtest.h>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Permute : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Permute);
class Repeat : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Repeat);

TEST_P(Permute, Agrees) {
  Random random(1);
  const std::vector<std::vector<int>> orders{{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2},
                                             {0, 3, 2, 1}, {0, 1, 3, 2}, {0, 2, 3, 1}};
  for (const auto& order : orders) {
    PermuteAttributes attributes;
    for (size_t d = 0; d < order.size(); ++d) attributes.axes[d] = order[d];
    for (const Shape& shape : {makeShape(3, 4, 5, 2), makeShape(1, 1, 7, 1), makeShape(0, 2, 3, 4),
                               makeShape(2, 0, 3, 4), makeShape(8, 50, 9, 33)}) {
      Shape turned = shape;
      for (int d = 0; d < shape.rank; ++d) turned[d] = shape[order[static_cast<size_t>(d)]];
      const Tensor x = random.tensor(kReal, shape), mask = random.mask(shape);
      expectAgreement({Op::Permute, &attributes, {x}, {Tensor(kReal, turned)}}, 0);
      expectAgreement({Op::Permute, &attributes, {mask}, {Tensor(DType::Bool, turned)}}, 0);
      expectNoThreadsEffect({Op::Permute, &attributes, {x}, {Tensor(kReal, turned)}});
    }
  }
}

TEST_P(Repeat, Agrees) {
  Random random(2);
  for (const int64_t steps : {1, 2, 9})
    for (const int64_t features : {1, 3, 8, 17, 40})
      for (const int64_t rows : {0, 1, 5}) {
        const Tensor x = random.tensor(kReal, makeShape(rows, features));
        const Tensor y = random.tensor(kReal, makeShape(rows, steps, features));
        expectAgreement({Op::Repeat, nullptr, {x}, {y}}, 0);
        expectAgreement({Op::RepeatBackward, nullptr, {y}, {x}}, 1e-6);
      }
  const Tensor x = random.tensor(kReal, makeShape(300, 50));
  const Tensor y = random.tensor(kReal, makeShape(300, 20, 50));
  expectNoThreadsEffect({Op::Repeat, nullptr, {x}, {y}});
  expectNoThreadsEffect({Op::RepeatBackward, nullptr, {y}, {x}});
}

}  // namespace
}  // namespace sluice::test
