// Elementwise and its backward: functions of operands that are broadcast, row by row, a row being
// the last elements along which each operand either goes along or stands still.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/broadcast.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <cmath>

#include "cpu/broadcast_rows.h"
#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using VF = hn::Vec<Floats>;

// y[i] = of(a, b, c, dy) over a row.
template <class Of>
HWY_INLINE void EachVector(const RowOperands& x, const float* dy, float* y, int64_t n,
                           const Of& of) {
  const Floats d;
  const int64_t lanes = LanesOf(d);
  const VF one = hn::Set(d, 1.0f);
  VF fixed[kMaxOperands] = {one, one, one};
  for (int k = 0; k < kMaxOperands; ++k)
    if (x.at[k] && x.stands[k]) fixed[k] = hn::Set(d, *x.at[k]);
  const bool moves0 = x.at[0] && !x.stands[0], moves1 = x.at[1] && !x.stands[1],
             moves2 = x.at[2] && !x.stands[2];
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const VF a = moves0 ? hn::LoadU(d, x.at[0] + i) : fixed[0];
    const VF b = moves1 ? hn::LoadU(d, x.at[1] + i) : fixed[1];
    const VF c = moves2 ? hn::LoadU(d, x.at[2] + i) : fixed[2];
    hn::StoreU(of(a, b, c, dy ? hn::LoadU(d, dy + i) : one), d, y + i);
  }
  if (i == n) return;
  const int64_t rest = n - i;
  const VF a = moves0 ? LoadPart(d, x.at[0] + i, rest, 1.0f) : fixed[0];
  const VF b = moves1 ? LoadPart(d, x.at[1] + i, rest, 1.0f) : fixed[1];
  const VF c = moves2 ? LoadPart(d, x.at[2] + i, rest, 1.0f) : fixed[2];
  StorePart(of(a, b, c, dy ? LoadPart(d, dy + i, rest, 1.0f) : one), d, y + i, rest);
}

// The same with functions of the C library.
template <class Of>
HWY_INLINE void EachNumber(const RowOperands& x, const float* dy, float* y, int64_t n,
                           const Of& of) {
  for (int64_t i = 0; i < n; ++i) y[i] = of(x.get(0, i), x.get(1, i), dy ? dy[i] : 1.0f);
}

void FunctionRow(Function function, const RowOperands& x, float* y, int64_t n) {
  const Floats d;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  const auto vectors = [&](const auto& of) HWY_ATTR { EachVector(x, nullptr, y, n, of); };
  const auto numbers = [&](const auto& of) { EachNumber(x, nullptr, y, n, of); };
  const auto step = [&](auto yes) HWY_ATTR { return hn::IfThenElseZero(yes, one); };
  switch (function) {
    case Function::Negative:
      return vectors([&](VF a, VF, VF, VF) HWY_ATTR { return hn::Neg(a); });
    case Function::Abs:
      return vectors([&](VF a, VF, VF, VF) HWY_ATTR { return hn::Abs(a); });
    case Function::Sign:
      return vectors([&](VF a, VF, VF, VF) HWY_ATTR {
        return hn::IfThenElse(hn::Gt(hn::Abs(a), zero), hn::CopySign(one, a), a);
      });
    case Function::Exp:
      return vectors([&](VF a, VF, VF, VF) HWY_ATTR { return Exp(d, a); });
    case Function::Log:
      return numbers([](float a, float, float) { return std::log(a); });
    case Function::Log1p:
      return numbers([](float a, float, float) { return std::log1p(a); });
    case Function::Sqrt:
      return vectors([&](VF a, VF, VF, VF) HWY_ATTR { return hn::Sqrt(a); });
    case Function::Square:
      return vectors([&](VF a, VF, VF, VF) HWY_ATTR { return hn::Mul(a, a); });
    case Function::Sin:
      return numbers([](float a, float, float) { return std::sin(a); });
    case Function::Cos:
      return numbers([](float a, float, float) { return std::cos(a); });
    case Function::Add:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return hn::Add(a, b); });
    case Function::Subtract:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return hn::Sub(a, b); });
    case Function::Multiply:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return hn::Mul(a, b); });
    case Function::Divide:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return hn::Div(a, b); });
    case Function::Power:
      return numbers([](float a, float b, float) { return std::pow(a, b); });
    case Function::Maximum:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR {
        return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);
      });
    case Function::Minimum:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR {
        return hn::IfThenElse(hn::Or(hn::Lt(b, a), hn::IsNaN(b)), b, a);
      });
    case Function::Greater:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return step(hn::Gt(a, b)); });
    case Function::GreaterEqual:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return step(hn::Ge(a, b)); });
    case Function::Less:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return step(hn::Lt(a, b)); });
    case Function::LessEqual:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return step(hn::Le(a, b)); });
    case Function::Equal:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return step(hn::Eq(a, b)); });
    case Function::NotEqual:
      return vectors([&](VF a, VF b, VF, VF) HWY_ATTR { return step(hn::Ne(a, b)); });
    case Function::Clip:
      return vectors([&](VF a, VF b, VF c, VF) HWY_ATTR {
        const VF raised = hn::IfThenElse(hn::Lt(a, b), b, a);
        return hn::IfThenElse(hn::Gt(raised, c), c, raised);
      });
    case Function::Where:
      return vectors([&](VF a, VF b, VF c, VF)
                         HWY_ATTR { return hn::IfThenElse(hn::Ne(a, zero), b, c); });
  }
}

// dy times the derivative by one operand.
void SlopeRow(Function function, int operand, const RowOperands& x, const float* dy, float* dx,
              int64_t n) {
  const Floats d;
  const VF zero = hn::Zero(d), two = hn::Set(d, 2.0f);
  const bool first = operand == 0;
  const auto vectors = [&](const auto& of) HWY_ATTR { EachVector(x, dy, dx, n, of); };
  const auto numbers = [&](const auto& of) { EachNumber(x, dy, dx, n, of); };
  switch (function) {
    case Function::Negative:
      return vectors([&](VF, VF, VF, VF g) HWY_ATTR { return hn::Neg(g); });
    case Function::Abs:
      return vectors([&](VF a, VF, VF, VF g) HWY_ATTR {
        const VF signedG = hn::IfThenElse(hn::Lt(a, zero), hn::Neg(g), g);
        return hn::IfThenElse(hn::Gt(hn::Abs(a), zero), signedG, hn::Mul(a, g));
      });
    case Function::Exp:
      return vectors([&](VF a, VF, VF, VF g) HWY_ATTR { return hn::Mul(g, Exp(d, a)); });
    case Function::Log:
      return vectors([&](VF a, VF, VF, VF g) HWY_ATTR { return hn::Div(g, a); });
    case Function::Log1p:
      return vectors([&](VF a, VF, VF, VF g)
                         HWY_ATTR { return hn::Div(g, hn::Add(hn::Set(d, 1.0f), a)); });
    case Function::Sqrt:
      return vectors([&](VF a, VF, VF, VF g)
                         HWY_ATTR { return hn::Div(g, hn::Mul(two, hn::Sqrt(a))); });
    case Function::Square:
      return vectors([&](VF a, VF, VF, VF g) HWY_ATTR { return hn::Mul(hn::Mul(two, a), g); });
    case Function::Sin:
      return numbers([](float a, float, float g) { return g * std::cos(a); });
    case Function::Cos:
      return numbers([](float a, float, float g) { return -g * std::sin(a); });
    case Function::Subtract:
      if (first) return vectors([&](VF, VF, VF, VF g) HWY_ATTR { return g; });
      return vectors([&](VF, VF, VF, VF g) HWY_ATTR { return hn::Neg(g); });
    case Function::Add:
      return vectors([&](VF, VF, VF, VF g) HWY_ATTR { return g; });
    case Function::Multiply:
      if (first) return vectors([&](VF, VF b, VF, VF g) HWY_ATTR { return hn::Mul(g, b); });
      return vectors([&](VF a, VF, VF, VF g) HWY_ATTR { return hn::Mul(g, a); });
    case Function::Divide:
      if (first) return vectors([&](VF, VF b, VF, VF g) HWY_ATTR { return hn::Div(g, b); });
      return vectors([&](VF a, VF b, VF, VF g)
                         HWY_ATTR { return hn::Div(hn::Mul(hn::Neg(g), hn::Div(a, b)), b); });
    case Function::Power:
      if (first)
        return numbers(
            [](float a, float b, float g) { return b == 0 ? 0.0f : g * b * std::pow(a, b - 1); });
      return numbers([](float a, float b, float g) {
        return a == 0 ? 0.0f : g * std::pow(a, b) * std::log(a);
      });
    case Function::Maximum:
      if (first)
        return vectors([&](VF a, VF b, VF, VF g)
                           HWY_ATTR { return hn::IfThenZeroElse(hn::Gt(b, a), g); });
      return vectors([&](VF a, VF b, VF, VF g)
                         HWY_ATTR { return hn::IfThenElseZero(hn::Gt(b, a), g); });
    case Function::Minimum:
      if (first)
        return vectors([&](VF a, VF b, VF, VF g)
                           HWY_ATTR { return hn::IfThenZeroElse(hn::Lt(b, a), g); });
      return vectors([&](VF a, VF b, VF, VF g)
                         HWY_ATTR { return hn::IfThenElseZero(hn::Lt(b, a), g); });
    case Function::Clip:
      return vectors([&](VF a, VF b, VF c, VF g) HWY_ATTR {
        const auto low = hn::Lt(a, b);
        const auto high = hn::Gt(hn::IfThenElse(low, b, a), c);
        const VF below = hn::IfThenElseZero(low, g);
        if (operand == 2) return hn::IfThenElseZero(high, g);
        return hn::IfThenZeroElse(high, operand == 1 ? below : hn::Sub(g, below));
      });
    case Function::Where:
      if (operand == 1)
        return vectors([&](VF a, VF, VF, VF g)
                           HWY_ATTR { return hn::IfThenElseZero(hn::Ne(a, zero), g); });
      return vectors([&](VF a, VF, VF, VF g)
                         HWY_ATTR { return hn::IfThenZeroElse(hn::Ne(a, zero), g); });
    default:  // a step
      return vectors([&](VF, VF, VF, VF) HWY_ATTR { return zero; });
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "engine/backend/axes.h"

namespace sluice::cpu {
HWY_EXPORT(FunctionRow);
HWY_EXPORT(SlopeRow);
namespace {

class Rows {
 public:
  Rows(const OpCall& call, const Shape& result)
      : attr_(call.attr<ElementwiseAttributes>()),
        mask_(input<uint8_t>(call, elementwise::kMask)),
        perStep_(sluice::perStep(result)) {
    // Each operand but those that are numbers.
    for (int k = 0; k < kMaxOperands; ++k) {
      data_[k] = k < operandsOf(attr_.function) ? input(call, k) : nullptr;
      constants_[k] = static_cast<float>(attr_.constants[k]);
      if (data_[k]) axes_[k] = broadcastAxes(call.in[k].shape, result);
      if (data_[k]) shapes_[k] = call.in[k].shape;
    }
    const int first = mask_ ? 2 : 0;
    for (int axis = result.rank - 1; axis >= first && extend(axis, result[axis]); --axis)
      length_ *= result[axis];
  }

  // Elements of a row, none of which reaches over two steps of a mask.
  int64_t length() const { return length_; }
  bool counts(int64_t i) const { return !mask_ || mask_[i / perStep_]; }
  // From element i of the result on.
  RowOperands at(int64_t i) const {
    RowOperands row;
    for (int k = 0; k < operandsOf(attr_.function); ++k) {
      row.at[k] = data_[k] ? data_[k] + axes_[k].at(i) : &constants_[k];
      row.stands[k] = !data_[k] || stands_[k] == 1;
    }
    return row;
  }

 private:
  // Whether each operand does along this axis what it does along those behind it.
  bool extend(int axis, int64_t extent) {
    if (extent == 1) return true;
    for (int k = 0; k < kMaxOperands; ++k) {
      const int stands = shapes_[k].rank >= 0 && shapes_[k][axis] == 1 ? 1 : 0;
      if (data_[k] && stands_[k] >= 0 && stands_[k] != stands) return false;
    }
    for (int k = 0; k < kMaxOperands; ++k)
      if (data_[k]) stands_[k] = shapes_[k][axis] == 1 ? 1 : 0;
    return true;
  }

  const ElementwiseAttributes& attr_;
  const uint8_t* mask_;
  int64_t perStep_;
  const float* data_[kMaxOperands] = {};
  float constants_[kMaxOperands] = {};
  Axes axes_[kMaxOperands];
  Shape shapes_[kMaxOperands];
  int stands_[kMaxOperands] = {-1, -1, -1};  // -1: not known yet
  int64_t length_ = 1;
};

// part(i, n, operands) for the elements that count, zero(i, n) for the others; n of one row each.
template <typename Part, typename Zero>
void eachRow(const OpCall& call, const Shape& result, Part&& part, Zero&& zero) {
  const Rows rows(call, result);
  const int64_t length = std::max<int64_t>(1, rows.length());
  parallelFor(call.context->threads, result.elements(), kCheapGrain,
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end;) {
                  const int64_t n = std::min(end, (i / length + 1) * length) - i;
                  if (rows.counts(i))
                    part(i, n, rows.at(i));
                  else
                    zero(i, n);
                  i += n;
                }
              });
}

int32_t runElementwise(const OpCall& call) noexcept {
  float* y = output(call, elementwise::kY);
  const Function function = call.attr<ElementwiseAttributes>().function;
  eachRow(
      call, call.out[elementwise::kY].shape,
      [&](int64_t i, int64_t n, const RowOperands& x) {
        HWY_DYNAMIC_DISPATCH(FunctionRow)(function, x, y + i, n);
      },
      [&](int64_t i, int64_t n) { std::fill_n(y + i, n, 0.0f); });
  return 0;
}

int32_t runElementwiseBackward(const OpCall& call) noexcept {
  using namespace elementwiseBackward;
  const float* dy = input(call, kDy);
  const Function function = call.attr<ElementwiseAttributes>().function;
  const auto wanted = [&](auto&& with) {
    for (int k = 0; k < operandsOf(function); ++k)
      if (float* dx = output(call, k)) with(k, dx);
  };
  eachRow(
      call, call.in[kDy].shape,
      [&](int64_t i, int64_t n, const RowOperands& x) {
        wanted([&](int k, float* dx) {
          HWY_DYNAMIC_DISPATCH(SlopeRow)(function, k, x, dy + i, dx + i, n);
        });
      },
      [&](int64_t i, int64_t n) { wanted([&](int, float* dx) { std::fill_n(dx + i, n, 0.0f); }); });
  return 0;
}

}  // namespace

const Kernel kElementwise = {
    .name = "cpu.elementwise", .launch = runElementwise, .describe = describeElements<kCheapGrain>};
const Kernel kElementwiseBackward = {.name = "cpu.elementwiseBackward",
                                     .launch = runElementwiseBackward,
                                     .describe = describeElements<kCheapGrain>};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
