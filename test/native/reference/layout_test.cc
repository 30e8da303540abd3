#include <gtest/gtest.h>

#include <limits>

#include "support/launch.h"

namespace sluice::test {
namespace {

Tensor reversed(const Tensor& x, const Tensor& mask) {
  Case c{Op::Reverse, nullptr, {x, mask}, {Tensor(x.dtype(), x.shape())}};
  launch(backend("reference"), c);
  return c.out[0];
}

TEST(ReferenceReverse, WithinTheValidSteps) {
  const Tensor x =
      Tensor::of(DType::Float32, makeShape(3, 4, 1), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor mask =
      Tensor::of(DType::Bool, makeShape(3, 4), {1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0});
  EXPECT_EQ(reversed(x, {}).values(), (std::vector<double>{4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9}));
  EXPECT_EQ(reversed(x, mask).values(),
            (std::vector<double>{3, 2, 1, 4, 8, 6, 7, 5, 9, 10, 11, 12}));
}

TEST(ReferenceReverse, IsItsOwnInverseAndAdjoint) {
  Random random(3);
  for (const Shape& shape : {makeShape(5, 9, 3), makeShape(4, 7), makeShape(2, 6, 2, 3),
                             makeShape(0, 4, 2), makeShape(3, 0, 2)}) {
    const Tensor mask = random.mask(makeShape(shape[0], shape[1]));
    for (const DType dtype : {DType::Float32, DType::Float64, DType::Int32}) {
      const Tensor x = random.tensor(dtype, shape, -9, 9), y = random.tensor(dtype, shape, -9, 9);
      EXPECT_TRUE(sameBits(reversed(reversed(x, mask), mask), x));
      EXPECT_NEAR(inner(reversed(x, mask), y), inner(x, reversed(y, mask)), 1e-12);
    }
  }
}

TEST(ReferenceMaskSteps, WhateverIsMaskedBecomesZero) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = Tensor::of(DType::Float32, makeShape(2, 2, 2), {1, 2, nan, nan, nan, 6, 7, 8});
  const Tensor mask = Tensor::of(DType::Bool, makeShape(2, 2), {1, 0, 0, 1});
  Case c{Op::MaskSteps, nullptr, {x, mask}, {Tensor(DType::Float32, x.shape())}};
  launch(backend("reference"), c);
  EXPECT_EQ(c.out[0].values(), (std::vector<double>{1, 2, 0, 0, 0, 0, 7, 8}));
}

TEST(ReferenceConcat, JoinsAndSplits) {
  const Tensor a = Tensor::of(DType::Float32, makeShape(2, 1, 2), {1, 2, 3, 4});
  const Tensor b = Tensor::of(DType::Float32, makeShape(2, 2, 2), {5, 6, 7, 8, 9, 10, 11, 12});
  ConcatAttributes attributes{.axis = 1, .parts = 2, .extents = {1, 2}};
  Case join{Op::Concat, &attributes, {a, b}, {Tensor(DType::Float32, makeShape(2, 3, 2))}};
  launch(backend("reference"), join);
  EXPECT_EQ(join.out[0].values(), (std::vector<double>{1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12}));
  Case part{Op::Split,
            &attributes,
            {join.out[0]},
            {Tensor(DType::Float32, a.shape()), Tensor(DType::Float32, b.shape())}};
  Case second = part;
  second.out[0] = Tensor();
  launch(backend("reference"), part);
  launch(backend("reference"), second);
  EXPECT_TRUE(sameBits(part.out[0], a));
  EXPECT_TRUE(sameBits(part.out[1], b));
  EXPECT_TRUE(sameBits(second.out[1], b));
}

TEST(ReferenceConcat, AnyNumberOfPartsOnTheLastAxis) {
  Random random(4);
  for (const int64_t rows : {0, 1, 5}) {
    ConcatAttributes attributes{.axis = 2, .parts = 5};
    Case join{Op::Concat, &attributes, {}, {}}, part{Op::Split, &attributes, {}, {}};
    int64_t width = 0;
    for (int i = 0; i < 5; ++i) {
      attributes.extents[i] = i;  // an empty part among them
      join.in.push_back(random.tensor(DType::Float64, makeShape(rows, 2, i)));
      part.out.emplace_back(DType::Float64, makeShape(rows, 2, i));
      width += i;
    }
    join.out.emplace_back(DType::Float64, makeShape(rows, 2, width));
    launch(backend("reference"), join);
    part.in = join.out;
    launch(backend("reference"), part);
    for (size_t i = 0; i < 5; ++i) EXPECT_TRUE(sameBits(part.out[i], join.in[i]));
  }
}

}  // namespace
}  // namespace sluice::test
