// Elementwise, Reduce and Slice.
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/backend/axes.h"
#include "reference/kernels.h"

namespace sluice::reference {
namespace {

template <typename Real>
Real evaluate(Function function, Real a, Real b, Real c) {
  switch (function) {
    case Function::Negative:
      return -a;
    case Function::Abs:
      return std::abs(a);
    case Function::Sign:
      return a > 0 ? Real(1) : a < 0 ? Real(-1) : a;
    case Function::Exp:
      return std::exp(a);
    case Function::Log:
      return std::log(a);
    case Function::Log1p:
      return std::log1p(a);
    case Function::Sqrt:
      return std::sqrt(a);
    case Function::Square:
      return a * a;
    case Function::Sin:
      return std::sin(a);
    case Function::Cos:
      return std::cos(a);
    case Function::Add:
      return a + b;
    case Function::Subtract:
      return a - b;
    case Function::Multiply:
      return a * b;
    case Function::Divide:
      return a / b;
    case Function::Power:
      return std::pow(a, b);
    case Function::Maximum:
      return b > a || std::isnan(b) ? b : a;
    case Function::Minimum:
      return b < a || std::isnan(b) ? b : a;
    case Function::Greater:
      return a > b;
    case Function::GreaterEqual:
      return a >= b;
    case Function::Less:
      return a < b;
    case Function::LessEqual:
      return a <= b;
    case Function::Equal:
      return a == b;
    case Function::NotEqual:
      return a != b;
    case Function::Clip: {
      const Real raised = a < b ? b : a;
      return raised > c ? c : raised;
    }
    case Function::Where:
      return a != 0 ? b : c;
  }
  return 0;
}

// dy times the derivative by operand i.
template <typename Real>
Real slope(Function function, int i, Real a, Real b, Real c, Real dy) {
  switch (function) {
    case Function::Negative:
      return -dy;
    case Function::Abs:
      return a > 0 ? dy : a < 0 ? -dy : a * dy;
    case Function::Exp:
      return dy * std::exp(a);
    case Function::Log:
      return dy / a;
    case Function::Log1p:
      return dy / (1 + a);
    case Function::Sqrt:
      return dy / (2 * std::sqrt(a));
    case Function::Square:
      return 2 * a * dy;
    case Function::Sin:
      return dy * std::cos(a);
    case Function::Cos:
      return -dy * std::sin(a);
    case Function::Add:
      return dy;
    case Function::Subtract:
      return i == 0 ? dy : -dy;
    case Function::Multiply:
      return dy * (i == 0 ? b : a);
    case Function::Divide:
      return i == 0 ? dy / b : -dy * (a / b) / b;
    case Function::Power:
      if (i == 0) return b == 0 ? Real(0) : dy * b * std::pow(a, b - 1);
      return a == 0 ? Real(0) : dy * std::pow(a, b) * std::log(a);
    case Function::Maximum:
      return (b > a) == (i == 1) ? dy : Real(0);
    case Function::Minimum:
      return (b < a) == (i == 1) ? dy : Real(0);
    case Function::Clip: {
      const int winner = (a < b ? b : a) > c ? 2 : a < b ? 1 : 0;
      return winner == i ? dy : Real(0);
    }
    case Function::Where:
      return (a != 0) == (i == 1) ? dy : Real(0);
    default:
      return 0;  // a step
  }
}

// The operands of a call, by the result's elements.
template <typename Real>
struct Operands {
  const Real* data[kMaxOperands];
  Axes axes[kMaxOperands];
  Real constants[kMaxOperands];
  const uint8_t* mask;
  int64_t step;

  Operands(const OpCall& call, const Shape& result)
      : mask(input<uint8_t>(call, elementwise::kMask)), step(perStep(result)) {
    for (int i = 0; i < kMaxOperands; ++i) {
      data[i] = input<Real>(call, i);
      constants[i] = static_cast<Real>(call.attr<ElementwiseAttributes>().constants[i]);
      if (data[i]) axes[i] = broadcastAxes(call.in[i].shape, result);
    }
  }
  Real at(int operand, int64_t i) const {
    return data[operand] ? data[operand][axes[operand].at(i)] : constants[operand];
  }
  bool counts(int64_t i) const { return !mask || mask[i / step]; }
};

template <typename Real>
int32_t runElementwise(const OpCall& call) noexcept {
  const Shape& shape = call.out[elementwise::kY].shape;
  const Function function = call.attr<ElementwiseAttributes>().function;
  const Operands<Real> x(call, shape);
  Real* y = output<Real>(call, elementwise::kY);
  for (int64_t i = 0; i < shape.elements(); ++i)
    y[i] = x.counts(i) ? evaluate(function, x.at(0, i), x.at(1, i), x.at(2, i)) : Real(0);
  return 0;
}

template <typename Real>
int32_t runElementwiseBackward(const OpCall& call) noexcept {
  using namespace elementwiseBackward;
  const Shape& shape = call.in[kDy].shape;
  const Function function = call.attr<ElementwiseAttributes>().function;
  const Operands<Real> x(call, shape);
  const Real* dy = input<Real>(call, kDy);
  for (int operand = 0; operand < kMaxOperands; ++operand) {
    Real* dx = output<Real>(call, operand);
    for (int64_t i = 0; dx && i < shape.elements(); ++i)
      dx[i] = x.counts(i) ? slope(function, operand, x.at(0, i), x.at(1, i), x.at(2, i), dy[i])
                          : Real(0);
  }
  return 0;
}

// The elements that make one of the result's.
struct Group {
  const Axes& reduced;
  int64_t start;
  const uint8_t* mask;
  int64_t step;

  // of(offset) for each that counts; how many there are.
  template <typename Of>
  int64_t each(Of&& of) const {
    int64_t counted = 0;
    for (int64_t r = 0; r < reduced.count; ++r) {
      const int64_t at = start + reduced.at(r);
      if (mask && !mask[at / step]) continue;
      of(at);
      ++counted;
    }
    return counted;
  }
};

template <typename Real>
Real reduced(const Group& group, const Real* x, Reduction reduction) {
  double sum = 0;
  Real best = 0;
  int64_t seen = 0;
  const auto better = [&](Real v) {
    return std::isnan(v) || (reduction == Reduction::Min ? v < best : v > best);
  };
  const int64_t n = group.each([&](int64_t at) {
    sum += static_cast<double>(x[at]);
    if (seen++ == 0 || (!std::isnan(best) && better(x[at]))) best = x[at];
  });
  if (n == 0) return 0;
  if (reduction == Reduction::Sum) return static_cast<Real>(sum);
  if (reduction == Reduction::Mean) return static_cast<Real>(sum / static_cast<double>(n));
  if (reduction != Reduction::LogSumExp || std::isinf(best)) return best;
  double exps = 0;
  group.each([&](int64_t at) { exps += std::exp(static_cast<double>(x[at] - best)); });
  return best + static_cast<Real>(std::log(exps));
}

template <typename Real>
int32_t runReduce(const OpCall& call) noexcept {
  const Shape& shape = call.in[reduce::kX].shape;
  const auto& attr = call.attr<ReduceAttributes>();
  const Axes kept = someAxes(shape, attr.axes, false), gone = someAxes(shape, attr.axes, true);
  Real* y = output<Real>(call, reduce::kY);
  for (int64_t i = 0; i < kept.count; ++i)
    y[i] = reduced(Group{gone, kept.at(i), input<uint8_t>(call, reduce::kMask), perStep(shape)},
                   input<Real>(call, reduce::kX), attr.reduction);
  return 0;
}

template <typename Real>
int32_t runReduceBackward(const OpCall& call) noexcept {
  using namespace reduceBackward;
  const Shape& shape = call.out[kDx].shape;
  const auto& attr = call.attr<ReduceAttributes>();
  const Axes kept = someAxes(shape, attr.axes, false), gone = someAxes(shape, attr.axes, true);
  const Real *x = input<Real>(call, kX), *y = input<Real>(call, kY), *dy = input<Real>(call, kDy);
  Real* dx = output<Real>(call, kDx);
  std::fill_n(dx, shape.elements(), Real(0));
  for (int64_t i = 0; i < kept.count; ++i) {
    const Group group{gone, kept.at(i), input<uint8_t>(call, kMask), perStep(shape)};
    const int64_t n = group.each([](int64_t) {});
    bool taken = false;
    group.each([&](int64_t at) {
      switch (attr.reduction) {
        case Reduction::Sum:
          dx[at] = dy[i];
          break;
        case Reduction::Mean:
          dx[at] = dy[i] / static_cast<Real>(n);
          break;
        case Reduction::LogSumExp:
          dx[at] = std::isinf(y[i]) && y[i] < 0 ? Real(0) : dy[i] * std::exp(x[at] - y[i]);
          break;
        default:
          if (!taken && (x[at] == y[i] || std::isnan(x[at]))) {
            dx[at] = dy[i];
            taken = true;
          }
      }
    });
  }
  return 0;
}

// Copies between the slice and where it lies in the whole.
template <typename Copy>
void eachOfSlice(const SliceAttributes& attr, const TensorView& whole, const TensorView& part,
                 Copy&& copy) {
  const int64_t extent = whole.shape[attr.axis], taken = part.shape[attr.axis];
  size_t inner = dtypeBytes(whole.dtype);
  int64_t outer = 1;
  for (int i = 0; i < attr.axis; ++i) outer *= whole.shape[i];
  for (int i = attr.axis + 1; i < whole.shape.rank; ++i)
    inner *= static_cast<size_t>(whole.shape[i]);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < taken; ++i) {
      const int64_t from = o * extent + attr.begin(extent) + i * attr.step;
      copy(whole.as<char>() + static_cast<size_t>(from) * inner,
           part.as<char>() + static_cast<size_t>(o * taken + i) * inner, inner);
    }
}

int32_t runSlice(const OpCall& call) noexcept {
  eachOfSlice(call.attr<SliceAttributes>(), call.in[slice::kX], call.out[slice::kY],
              [](const char* whole, char* part, size_t bytes) { std::memcpy(part, whole, bytes); });
  return 0;
}

int32_t runSliceBackward(const OpCall& call) noexcept {
  const TensorView& dx = call.out[sliceBackward::kDx];
  if (dx.bytes() > 0) std::memset(dx.data, 0, dx.bytes());
  eachOfSlice(call.attr<SliceAttributes>(), dx, call.in[sliceBackward::kDy],
              [](char* whole, const char* part, size_t bytes) { std::memcpy(whole, part, bytes); });
  return 0;
}

}  // namespace

template <typename Real>
Kernel elementwiseKernel() {
  return {.name = "reference.elementwise", .launch = runElementwise<Real>};
}
template <typename Real>
Kernel elementwiseBackwardKernel() {
  return {.name = "reference.elementwiseBackward", .launch = runElementwiseBackward<Real>};
}
template <typename Real>
Kernel reduceKernel() {
  return {.name = "reference.reduce", .launch = runReduce<Real>};
}
template <typename Real>
Kernel reduceBackwardKernel() {
  return {.name = "reference.reduceBackward", .launch = runReduceBackward<Real>};
}
Kernel sliceKernel() { return {.name = "reference.slice", .launch = runSlice}; }
Kernel sliceBackwardKernel() {
  return {.name = "reference.sliceBackward", .launch = runSliceBackward};
}
template Kernel elementwiseKernel<float>();
template Kernel elementwiseKernel<double>();
template Kernel elementwiseBackwardKernel<float>();
template Kernel elementwiseBackwardKernel<double>();
template Kernel reduceKernel<float>();
template Kernel reduceKernel<double>();
template Kernel reduceBackwardKernel<float>();
template Kernel reduceBackwardKernel<double>();

}  // namespace sluice::reference
