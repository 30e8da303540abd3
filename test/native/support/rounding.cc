#include "support/rounding.h"

#include <algorithm>
#include <cmath>

namespace sluice::test {
namespace {

// To `bits` significant ones, and to no finer unit than 2^least.
double rounded(double value, int bits, int least) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::ldexp(1.0, std::max(std::ilogb(value) - bits + 1, least));
  return std::nearbyint(value / unit) * unit;
}

}  // namespace

double roundedTo(Precision precision, double value) {
  switch (precision) {
    case Precision::Float32:
      return value;
    case Precision::TensorFloat32: {  // halves away from zero
      const double unit = std::ldexp(1.0, std::ilogb(value) - 10);
      return value == 0 ? value : std::round(value / unit) * unit;
    }
    case Precision::BFloat16:
      return rounded(value, 8, -133);
    case Precision::Float16:
      return rounded(value, 11, -24);
  }
  return value;
}

Tensor roundedTo(WeightsType weights, const Tensor& matrix) {
  Tensor result = matrix;
  const int64_t n = matrix.shape().last();
  for (int64_t column = 0; column < n; ++column) {
    float most = 0;
    for (int64_t i = column; i < matrix.size(); i += n)
      most = std::max(most, std::abs(static_cast<float>(matrix.get(i))));
    const float scale = most / 127;
    for (int64_t i = column; i < matrix.size(); i += n) {
      const double value = matrix.get(i);
      if (weights == WeightsType::Float16) result.set(i, rounded(value, 11, -24));
      if (weights == WeightsType::BFloat16) result.set(i, rounded(value, 8, -133));
      if (weights == WeightsType::Int8 && scale > 0)
        result.set(i, std::nearbyint(static_cast<float>(value) / scale) * scale);
    }
  }
  return result;
}

}  // namespace sluice::test
