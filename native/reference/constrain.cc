// Weights brought back to what a constraint allows, one vector along the axis after the other.
#include <algorithm>
#include <cmath>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

// What the weights of a vector with this norm are multiplied with.
double factorOf(const ConstraintAttributes& attr, double norm) {
  const double wanted = attr.kind == ConstraintKind::UnitNorm ? 1 : std::min(norm, attr.maxValue);
  return wanted / (1e-7 + norm);
}

template <typename Real>
int32_t runConstrain(const OpCall& call) noexcept {
  const auto& attr = call.attr<ConstraintAttributes>();
  const Shape& shape = call.out[constrain::kWeights].shape;
  Real* w = output<Real>(call, constrain::kWeights);
  const int64_t n = shape.elements();
  if (attr.kind == ConstraintKind::NonNeg)
    for (int64_t i = 0; i < n; ++i) w[i] = w[i] < 0 ? 0 : w[i];
  if (attr.kind == ConstraintKind::NonNeg || n == 0) return 0;
  const int64_t length = shape[attr.axis];
  int64_t stride = 1;  // from one element of a vector to the next
  for (int i = attr.axis + 1; i < shape.rank; ++i) stride *= shape[i];
  for (int64_t vector = 0; vector < n / length; ++vector) {
    Real* first = w + vector / stride * length * stride + vector % stride;
    double squares = 0;
    for (int64_t i = 0; i < length; ++i)
      squares += static_cast<double>(first[i * stride]) * static_cast<double>(first[i * stride]);
    const double factor = factorOf(attr, std::sqrt(squares));
    for (int64_t i = 0; i < length; ++i)
      first[i * stride] = static_cast<Real>(static_cast<double>(first[i * stride]) * factor);
  }
  return 0;
}

}  // namespace

template <typename Real>
Kernel constrainKernel() {
  return {.name = "reference.constrain", .launch = runConstrain<Real>};
}
template Kernel constrainKernel<float>();
template Kernel constrainKernel<double>();

}  // namespace sluice::reference
