// Elementwise, Reduce and Slice against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/agreement.h"

namespace sluice::test {
namespace {

constexpr DType kReal = DType::Float32;

class Elementwise : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Elementwise);
class Reduce : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Reduce);
class Slice : public FastBackend {};
SLUICE_ON_FAST_BACKENDS(Slice);

// Operands of one result: as they are, along the last axis, one a row, one a step, one in all.
const std::vector<std::vector<Shape>> kBroadcasts = {
    {makeShape(3, 4, 9), makeShape(3, 4, 9), makeShape(3, 4, 9)},
    {makeShape(3, 4, 9), makeShape(1, 1, 9), makeShape(3, 4, 1)},
    {makeShape(1, 4, 1), makeShape(3, 1, 9), makeShape(1, 1, 1)},
    {makeShape(3, 1, 1), makeShape(3, 4, 1), makeShape(1, 4, 9)},
    {makeShape(3, 4, 9), makeShape(), makeShape(3, 1, 9)}};
const Shape kResult = makeShape(3, 4, 9);

Function functionAt(int i) { return static_cast<Function>(i); }
constexpr int kFunctions = static_cast<int>(Function::Where) + 1;

// Where the function is defined.
Tensor operand(Random& random, Function function, int k, const Shape& shape) {
  const bool positive = function == Function::Log || function == Function::Sqrt ||
                        function == Function::Log1p || (function == Function::Power && k == 0) ||
                        (function == Function::Divide && k == 1);
  Tensor t = random.tensor(kReal, shape, positive ? 0.3 : -2, 2);
  // Ties, so that it is seen who wins.
  for (int64_t i = 0; i < t.size(); ++i)
    if (!positive && i % 3 == 0) t.set(i, std::round(t.get(i)));
  return t;
}

Shape ranked(Shape shape) {
  while (shape.rank < kResult.rank) {
    for (int i = shape.rank; i > 0; --i) shape[i] = shape[i - 1];
    shape[0] = 1;
    ++shape.rank;
  }
  return shape;
}

TEST_P(Elementwise, Agrees) {
  Random random(1);
  for (int f = 0; f < kFunctions; ++f) {
    const ElementwiseAttributes attributes{functionAt(f), {0.5, 0.5, 1.5}};
    for (const auto& shapes : kBroadcasts)
      for (const bool masked : {false, true})
        for (const int constant : {-1, 1}) {
          SCOPED_TRACE(testing::Message() << f << (masked ? " masked" : "") << constant);
          std::vector<Tensor> in(kMaxOperands);
          for (int k = 0; k < operandsOf(attributes.function); ++k)
            if (k != constant)
              in[static_cast<size_t>(k)] =
                  operand(random, attributes.function, k, ranked(shapes[static_cast<size_t>(k)]));
          in.push_back(masked ? random.mask(makeShape(3, 4)) : Tensor());
          expectAgreement({Op::Elementwise, &attributes, in, {Tensor(kReal, kResult)}}, 2e-6);
          in.push_back(random.tensor(kReal, kResult));
          std::vector<Tensor> out(kMaxOperands);
          for (int k = 0; k < operandsOf(attributes.function); ++k)
            if (in[static_cast<size_t>(k)].present() && hasSlope(attributes.function, k))
              out[static_cast<size_t>(k)] = Tensor(kReal, kResult);
          expectAgreement({Op::ElementwiseBackward, &attributes, in, out}, 4e-6);
        }
  }
}

TEST_P(Elementwise, ManyAxes) {
  Random random(8);
  const Shape whole = makeShape(2, 3, 1, 2, 3, 2);
  const ElementwiseAttributes attributes{Function::Where, {}};
  for (const bool masked : {false, true}) {
    const Tensor a = random.tensor(kReal, makeShape(2, 1, 1, 2, 1, 2), 0, 1);
    const Tensor b = random.tensor(kReal, makeShape(1, 3, 1, 2, 3, 1)),
                 c = random.tensor(kReal, whole);
    const Tensor mask = masked ? random.mask(makeShape(2, 3)) : Tensor(), y = Tensor(kReal, whole);
    expectAgreement({Op::Elementwise, &attributes, {a, b, c, mask}, {y}}, 0);
    expectAgreement({Op::ElementwiseBackward, &attributes, {a, b, c, mask, c}, {Tensor(), y, y}},
                    0);
  }
}

TEST_P(Elementwise, Tails) {
  Random random(2);
  const ElementwiseAttributes attributes{Function::Multiply, {}};
  for (int64_t n = 0; n <= 34; ++n) {
    const Tensor x = random.tensor(kReal, makeShape(2, n)),
                 w = random.tensor(kReal, makeShape(1, n));
    expectAgreement({Op::Elementwise,
                     &attributes,
                     {x, w, Tensor(), Tensor()},
                     {Tensor(kReal, makeShape(2, n))}},
                    1e-6);
  }
}

// A masked step may hold anything, and what is drawn from nothing is nothing.
TEST_P(Elementwise, NaNAtMaskedStepsStaysThere) {
  Random random(3);
  Tensor x = random.tensor(kReal, kResult), mask = Tensor::filled(DType::Bool, makeShape(3, 4), 1);
  mask.set(5, 0);
  for (int64_t i = 45; i < 54; ++i) x.set(i, std::numeric_limits<double>::quiet_NaN());
  const ElementwiseAttributes attributes{Function::Divide, {1, 0, 0}};
  for (const char* name : {GetParam(), "reference"}) {
    Case forward{
        Op::Elementwise, &attributes, {Tensor(), x, Tensor(), mask}, {Tensor(kReal, kResult)}};
    launch(backend(name), forward);
    Case backward{Op::ElementwiseBackward,
                  &attributes,
                  {Tensor(), x, Tensor(), mask, Tensor::filled(kReal, kResult, 1)},
                  {Tensor(), Tensor(kReal, kResult), Tensor()}};
    launch(backend(name), backward);
    for (int64_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(forward.out[0].get(i) == 0, i >= 45 && i < 54);
      EXPECT_EQ(backward.out[1].get(i) == 0, i >= 45 && i < 54);
    }
  }
}

TEST_P(Elementwise, ThreadsDoNotMatter) {
  Random random(4);
  const Shape big = makeShape(20, 40, 100);
  const ElementwiseAttributes attributes{Function::Multiply, {}};
  expectNoThreadsEffect(
      {Op::Elementwise,
       &attributes,
       {random.tensor(kReal, big), random.tensor(kReal, makeShape(1, 40, 1)), Tensor(), Tensor()},
       {Tensor(kReal, big)}});
}

const Shape kWhole = makeShape(3, 4, 5, 7);
Shape reducedShape(Shape shape, int32_t axes) {
  for (int i = 0; i < shape.rank; ++i)
    if (axes >> i & 1) shape[i] = 1;
  return shape;
}

TEST_P(Reduce, Agrees) {
  Random random(5);
  for (const Reduction reduction :
       {Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::LogSumExp})
    for (int32_t axes = 0; axes < 16; ++axes)
      for (const bool masked : {false, true}) {
        SCOPED_TRACE(testing::Message() << static_cast<int>(reduction) << " over " << axes);
        const ReduceAttributes attributes{reduction, axes};
        Tensor x = random.tensor(kReal, kWhole, -2, 2);
        Tensor mask = masked ? random.mask(makeShape(3, 4)) : Tensor();
        // A row without a step.
        for (int64_t t = 4; masked && t < 8; ++t) mask.set(t, 0);
        const Shape y = reducedShape(kWhole, axes);
        expectAgreement({Op::Reduce, &attributes, {x, mask}, {Tensor(kReal, y)}}, 2e-6);
        Case forward{Op::Reduce, &attributes, {x, mask}, {Tensor(kReal, y)}};
        launch(device(), forward);
        const Tensor dy = random.tensor(kReal, y);
        const bool linear = reduction <= Reduction::Mean;
        expectAgreement({Op::ReduceBackward,
                         &attributes,
                         {linear ? Tensor() : x, mask, linear ? Tensor() : forward.out[0], dy},
                         {Tensor(kReal, kWhole)}},
                        4e-6);
      }
}

// So many numbers that several workers share one sum.
TEST_P(Reduce, LongSums) {
  Random random(9);
  const Shape whole = makeShape(7, 300, 5);
  for (const Reduction reduction :
       {Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::LogSumExp})
    for (const int32_t axes : {1, 2, 3, 7})
      for (const bool masked : {false, true}) {
        SCOPED_TRACE(testing::Message() << static_cast<int>(reduction) << " over " << axes);
        const ReduceAttributes attributes{reduction, axes};
        Tensor x = random.tensor(kReal, whole, -2, 2);
        for (int64_t i = 0; i < x.size(); ++i) x.set(i, std::round(x.get(i) * 4) / 4);  // ties
        const Tensor mask = masked ? random.mask(makeShape(7, 300)) : Tensor();
        Case forward{
            Op::Reduce, &attributes, {x, mask}, {Tensor(kReal, reducedShape(whole, axes))}};
        expectAgreement(forward, 2e-6);
        launch(device(), forward);
        const Tensor dy = random.tensor(kReal, forward.out[0].shape());
        const bool linear = reduction <= Reduction::Mean;
        expectAgreement({Op::ReduceBackward,
                         &attributes,
                         {linear ? Tensor() : x, mask, linear ? Tensor() : forward.out[0], dy},
                         {Tensor(kReal, whole)}},
                        4e-6);
      }
}

TEST_P(Reduce, OfNothing) {
  for (const Reduction reduction : {Reduction::Sum, Reduction::Mean, Reduction::Max})
    for (const int32_t axes : {1, 2, 3}) {
      const ReduceAttributes attributes{reduction, axes};
      const Tensor x(kReal, makeShape(0, 4, 5));
      expectAgreement(
          {Op::Reduce, &attributes, {x, Tensor()}, {Tensor(kReal, reducedShape(x.shape(), axes))}},
          0);
    }
}

TEST_P(Reduce, ThreadsDoNotMatter) {
  Random random(6);
  const Tensor x = random.tensor(kReal, makeShape(40, 50, 30));
  for (const int32_t axes : {1, 2, 3, 4, 6}) {
    const ReduceAttributes attributes{Reduction::Sum, axes};
    expectNoThreadsEffect(
        {Op::Reduce, &attributes, {x, Tensor()}, {Tensor(kReal, reducedShape(x.shape(), axes))}});
  }
}

// What holds at a masked step, and nothing at all.
TEST_P(Reduce, EmptyAndNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = Tensor::of(kReal, makeShape(2, 2, 1), {nan, 3, nan, nan});
  const Tensor mask = Tensor::of(DType::Bool, makeShape(2, 2), {0, 1, 0, 0});
  for (const char* name : {GetParam(), "reference"})
    for (const Reduction reduction :
         {Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::LogSumExp}) {
      const ReduceAttributes attributes{reduction, 2};
      Case c{Op::Reduce, &attributes, {x, mask}, {Tensor(kReal, makeShape(2, 1, 1))}};
      launch(backend(name), c);
      EXPECT_EQ(c.out[0].get(0), 3);
      EXPECT_EQ(c.out[0].get(1), 0);
    }
}

TEST_P(Slice, Agrees) {
  Random random(7);
  for (int32_t axis = 0; axis < 4; ++axis)
    for (const int64_t start : {0, 1, -2})
      for (const int64_t step : {1, 2})
        for (const DType dtype : {kReal, DType::Bool}) {
          const SliceAttributes attributes{axis, start, step};
          const Tensor x = dtype == kReal ? random.tensor(kReal, kWhole) : random.mask(kWhole, 0.5);
          Shape part = kWhole;
          part[axis] = start < 0 ? (step == 1 ? 2 : 1) : (step == 1 ? 2 : 1);
          expectAgreement({Op::Slice, &attributes, {x}, {Tensor(dtype, part)}}, 0);
          if (dtype == kReal)
            expectAgreement({Op::SliceBackward,
                             &attributes,
                             {random.tensor(kReal, part)},
                             {Tensor(kReal, kWhole)}},
                            0);
        }
}

}  // namespace
}  // namespace sluice::test
