// The operations that users compose layers and losses of (`ops` of the library): their arguments,
// as op.h has them for the others.
#pragma once

#include <cstdint>

#include "engine/core/tensor.h"

namespace sluice {

// A function of one, two or three operands, element by element. Operands are broadcast as in NumPy:
// shapes meet at their last axes, and an extent of 1, or a missing one, stands for any number. The
// engine gives every operand the result's rank, so that a missing extent is a 1 in front.
enum class Function : int32_t {
  Negative,
  Abs,   // the slope at 0 is 0, as of sign
  Sign,  // has no gradient; NaN stays NaN
  Exp,
  Log,
  Log1p,
  Sqrt,
  Square,
  Sin,
  Cos,
  Add,
  Subtract,
  Multiply,
  Divide,
  Power,  // the gradient of an exponent is 0 where the base is 0
  Maximum,
  Minimum,  // of equal operands the first one counts; NaN in either is NaN
  Greater,  // comparisons give 1 or 0 and have no gradient
  GreaterEqual,
  Less,
  LessEqual,
  Equal,
  NotEqual,
  Clip,   // min(max(a, b), c); within the bounds, or on one, the gradient is a's
  Where,  // a is not 0 ? b : c
};
constexpr int kMaxOperands = 3;
constexpr int operandsOf(Function function) {
  if (function <= Function::Cos) return 1;
  return function <= Function::NotEqual ? 2 : 3;
}
// Whether operand i can have a gradient.
constexpr bool hasSlope(Function function, int i) {
  if (function == Function::Sign) return false;
  if (function >= Function::Greater && function <= Function::NotEqual) return false;
  return function != Function::Where || i > 0;
}
struct ElementwiseAttributes {
  Function function = Function::Add;
  double constants[kMaxOperands] = {};  // stand for operands that are absent
};
// Steps whose mask is 0 are zero in the result, whatever the operands hold there.
namespace elementwise {
enum In { kA, kB, kC, kMask /*Bool, the first two extents of the result; optional*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace elementwise
// Of each operand, not yet summed over the axes along which it was broadcast; zero at masked steps.
namespace elementwiseBackward {  // attributes: ElementwiseAttributes
enum In { kA, kB, kC, kMask, kDy /*[...], the result's shape*/, kInCount };
enum Out { kDA /*as dy; each optional*/, kDB, kDC, kOutCount };
}  // namespace elementwiseBackward

// x with some of its axes brought to one number. Masked steps are left out where axis 1 is among
// them, else they are zero in the result; where nothing is left the result is 0. Sums are added up
// in double, in an order that the shape fixes. Of equal values the first is the largest and gets
// the gradient; NaN is larger, and smaller, than any number.
enum class Reduction : int32_t { Sum, Mean, Max, Min, LogSumExp };
struct ReduceAttributes {
  Reduction reduction = Reduction::Sum;
  int32_t axes = 0;  // bit i: axis i
};
namespace reduce {
enum In { kX, kMask /*Bool [B,T], the first two axes of x; optional*/, kInCount };
enum Out { kY /*x's rank, the reduced axes being 1*/, kOutCount };
}  // namespace reduce
namespace reduceBackward {  // attributes: ReduceAttributes
enum In { kX /*absent for sums and means*/, kMask, kY /*likewise*/, kDy, kInCount };
enum Out { kDx /*zero at masked steps*/, kOutCount };
}  // namespace reduceBackward

// y = x[begin : : step] along one axis, as far as y reaches. Any dtype.
struct SliceAttributes {
  int32_t axis = 1;
  int64_t start = 0;  // below zero: counted from the end
  int64_t step = 1;

  int64_t begin(int64_t extent) const { return start < 0 ? extent + start : start; }
};
namespace slice {
enum In { kX, kInCount };
enum Out { kY, kOutCount };
}  // namespace slice
// dx = dy where it was taken from, else 0.
namespace sliceBackward {  // attributes: SliceAttributes
enum In { kDy, kInCount };
enum Out { kDx, kOutCount };
}  // namespace sliceBackward

}  // namespace sluice
