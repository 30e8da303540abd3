// Broadcast and SumRows against the reference.
#include <gtest/gtest.h>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Rows : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Rows);

TEST_P(Rows, Agree) {
  Random random(1);
  for (const int64_t rows : {0, 1, 2, 5, 700})
    for (const int64_t features : {1, 2, 7, 63, 64, 65, 200}) {
      const Tensor one = random.tensor(kReal, makeShape(features));
      const Tensor all = random.tensor(kReal, makeShape(rows, features));
      expectAgreement({Op::Broadcast, nullptr, {one}, {all}}, 0);
      expectAgreement({Op::SumRows, nullptr, {all}, {one}}, 1e-7);
    }
}

TEST_P(Rows, ThreadsDoNotMatter) {
  Random random(2);
  const Tensor one = random.tensor(kReal, makeShape(1001));
  const Tensor all = random.tensor(kReal, makeShape(333, 1001));
  expectNoThreadsEffect({Op::Broadcast, nullptr, {one}, {all}});
  expectNoThreadsEffect({Op::SumRows, nullptr, {all}, {one}});
}

}  // namespace
}  // namespace sluice::test
