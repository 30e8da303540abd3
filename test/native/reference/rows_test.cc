#include <gtest/gtest.h>

#include "support/launch.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float64;

TEST(ReferenceRows, BroadcastCopiesAndSumRowsAdds) {
  Case copy{Op::Broadcast,
            nullptr,
            {Tensor::of(kReal, makeShape(2), {3, -1})},
            {Tensor(kReal, makeShape(3, 2))}};
  launch(backend("reference"), copy);
  EXPECT_EQ(copy.out[0].values(), (std::vector<double>{3, -1, 3, -1, 3, -1}));
  Case sum{Op::SumRows,
           nullptr,
           {Tensor::of(kReal, makeShape(3, 2), {1, 2, 10, 20, 100, 200})},
           {Tensor(kReal, makeShape(2))}};
  launch(backend("reference"), sum);
  EXPECT_EQ(sum.out[0].values(), (std::vector<double>{111, 222}));
}

}  // namespace
}  // namespace sluice::test
