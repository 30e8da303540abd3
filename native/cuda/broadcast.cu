// Elementwise and its backward: functions of operands that are broadcast.
#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

__device__ float evaluate(Function function, float a, float b, float c) {
  switch (function) {
    case Function::Negative:
      return -a;
    case Function::Abs:
      return fabsf(a);
    case Function::Sign:
      return a > 0 ? 1.0f : a < 0 ? -1.0f : a;
    case Function::Exp:
      return expf(a);
    case Function::Log:
      return logf(a);
    case Function::Log1p:
      return log1pf(a);
    case Function::Sqrt:
      return sqrtf(a);
    case Function::Square:
      return a * a;
    case Function::Sin:
      return sinf(a);
    case Function::Cos:
      return cosf(a);
    case Function::Add:
      return a + b;
    case Function::Subtract:
      return a - b;
    case Function::Multiply:
      return a * b;
    case Function::Divide:
      return a / b;
    case Function::Power:
      return powf(a, b);
    case Function::Maximum:
      return b > a || b != b ? b : a;
    case Function::Minimum:
      return b < a || b != b ? b : a;
    case Function::Greater:
      return a > b ? 1.0f : 0.0f;
    case Function::GreaterEqual:
      return a >= b ? 1.0f : 0.0f;
    case Function::Less:
      return a < b ? 1.0f : 0.0f;
    case Function::LessEqual:
      return a <= b ? 1.0f : 0.0f;
    case Function::Equal:
      return a == b ? 1.0f : 0.0f;
    case Function::NotEqual:
      return a != b ? 1.0f : 0.0f;
    case Function::Clip: {
      const float raised = a < b ? b : a;
      return raised > c ? c : raised;
    }
    case Function::Where:
      return a != 0 ? b : c;
  }
  return 0;
}

// dy times the derivative by operand i.
__device__ float slope(Function function, int i, float a, float b, float c, float dy) {
  switch (function) {
    case Function::Negative:
      return -dy;
    case Function::Abs:
      return a > 0 ? dy : a < 0 ? -dy : a * dy;
    case Function::Exp:
      return dy * expf(a);
    case Function::Log:
      return dy / a;
    case Function::Log1p:
      return dy / (1.0f + a);
    case Function::Sqrt:
      return dy / (2.0f * sqrtf(a));
    case Function::Square:
      return 2.0f * a * dy;
    case Function::Sin:
      return dy * cosf(a);
    case Function::Cos:
      return -dy * sinf(a);
    case Function::Add:
      return dy;
    case Function::Subtract:
      return i == 0 ? dy : -dy;
    case Function::Multiply:
      return dy * (i == 0 ? b : a);
    case Function::Divide:
      return i == 0 ? dy / b : -dy * (a / b) / b;
    case Function::Power:
      if (i == 0) return b == 0 ? 0.0f : dy * b * powf(a, b - 1.0f);
      return a == 0 ? 0.0f : dy * powf(a, b) * logf(a);
    case Function::Maximum:
      return (b > a) == (i == 1) ? dy : 0.0f;
    case Function::Minimum:
      return (b < a) == (i == 1) ? dy : 0.0f;
    case Function::Clip: {
      const int winner = (a < b ? b : a) > c ? 2 : a < b ? 1 : 0;
      return winner == i ? dy : 0.0f;
    }
    case Function::Where:
      return (a != 0) == (i == 1) ? dy : 0.0f;
    default:
      return 0;  // a step
  }
}

// The operands of a call, and its mask as one more.
struct Operands {
  Walk walk;
  const float* data[kMaxOperands];
  float constants[kMaxOperands];
  const uint8_t* mask;

  Operands(const OpCall& call, const Shape& result)
      : walk(result, {&call.in[0].shape, &call.in[1].shape, &call.in[2].shape,
                      &call.in[elementwise::kMask].shape}),
        mask(input<uint8_t>(call, elementwise::kMask)) {
    static_assert(elementwise::kMask == kMaxOperands && kMaxOperands < Walk::kMost);
    for (int k = 0; k < kMaxOperands; ++k) {
      data[k] = input(call, k);
      constants[k] = static_cast<float>(call.attr<ElementwiseAttributes>().constants[k]);
    }
  }
  __device__ float get(int k, const Walk::Places& places) const {
    return data[k] ? data[k][places.of[k]] : constants[k];
  }
  __device__ bool counts(const Walk::Places& places) const {
    return !mask || mask[places.of[elementwise::kMask]] != 0;
  }
};

int32_t runElementwise(const OpCall& call) noexcept {
  const Function function = call.attr<ElementwiseAttributes>().function;
  const Operands x(call, call.out[elementwise::kY].shape);
  float* y = output(call, elementwise::kY);
  return forEachOfRows(
      call, x.walk.rows, x.walk.columns, [=] __device__(int64_t row, int64_t column) {
        const auto places = x.walk.at(row, column);
        const float result =
            evaluate(function, x.get(0, places), x.get(1, places), x.get(2, places));
        y[row * x.walk.columns + column] = x.counts(places) ? result : 0.0f;
      });
}

struct Gradients {
  float* of[kMaxOperands];
};

int32_t runElementwiseBackward(const OpCall& call) noexcept {
  using namespace elementwiseBackward;
  const Function function = call.attr<ElementwiseAttributes>().function;
  const Operands x(call, call.in[kDy].shape);
  const float* dy = input(call, kDy);
  Gradients dx{};
  for (int k = 0; k < kMaxOperands; ++k) dx.of[k] = output(call, k);
  return forEachOfRows(
      call, x.walk.rows, x.walk.columns, [=] __device__(int64_t row, int64_t column) {
        const auto places = x.walk.at(row, column);
        const int64_t i = row * x.walk.columns + column;
        const float a = x.get(0, places), b = x.get(1, places), c = x.get(2, places);
        const bool counts = x.counts(places);
        const float d = dy[i];
#pragma unroll
        for (int k = 0; k < kMaxOperands; ++k)
          if (dx.of[k]) dx.of[k][i] = counts ? slope(function, k, a, b, c, d) : 0.0f;
      });
}

}  // namespace

Kernel elementwiseKernel() { return {.name = "cuda.elementwise", .launch = runElementwise}; }
Kernel elementwiseBackwardKernel() {
  return {.name = "cuda.elementwiseBackward", .launch = runElementwiseBackward};
}

}  // namespace sluice::cuda
