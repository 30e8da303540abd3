#include "engine/graph/initializer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/random.h"

namespace sluice {
namespace {

double member(const Value& value, const char* name, double otherwise, const std::string& what) {
  const Value* found = value.find(name);
  if (found == nullptr) return otherwise;
  const double number = found->asNumber(cat(what, ".", name));
  if (!std::isfinite(number))
    fail(Code::Config, cat(what, ".", name, " must be finite"), {.option = what});
  return number;
}

// Standard normal, redrawn outside two standard deviations (Keras' truncated normal).
double truncatedNormal(RandomSequence& random) {
  double value;
  do value = random.normal();
  while (std::abs(value) > 2);
  return value;
}

// Rows of a matrix made orthonormal by the Cholesky factor of its Gram matrix (CholeskyQR). With
// normal random entries the condition number is small, so that double keeps full float precision
// after the second pass.
void orthonormalizeRows(std::vector<double>& a, int64_t rows, int64_t cols) {
  std::vector<double> l(static_cast<size_t>(rows * rows));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      const double *x = &a[static_cast<size_t>(i * cols)], *y = &a[static_cast<size_t>(j * cols)];
      double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      int64_t k = 0;
      for (; k + 4 <= cols; k += 4) {
        s0 += x[k] * y[k];
        s1 += x[k + 1] * y[k + 1];
        s2 += x[k + 2] * y[k + 2];
        s3 += x[k + 3] * y[k + 3];
      }
      for (; k < cols; ++k) s0 += x[k] * y[k];
      l[static_cast<size_t>(i * rows + j)] = (s0 + s1) + (s2 + s3);
    }
  for (int64_t i = 0; i < rows; ++i) {
    double* li = &l[static_cast<size_t>(i * rows)];
    for (int64_t j = 0; j <= i; ++j) {
      const double* lj = &l[static_cast<size_t>(j * rows)];
      double sum = li[j];
      for (int64_t k = 0; k < j; ++k) sum -= li[k] * lj[k];
      li[j] = i == j ? std::sqrt(std::max(sum, 1e-300)) : sum / lj[j];
    }
  }
  // A <- L^-1 A, row by row.
  for (int64_t i = 0; i < rows; ++i) {
    double* ai = &a[static_cast<size_t>(i * cols)];
    for (int64_t k = 0; k < i; ++k) {
      const double factor = l[static_cast<size_t>(i * rows + k)];
      const double* ak = &a[static_cast<size_t>(k * cols)];
      for (int64_t j = 0; j < cols; ++j) ai[j] -= factor * ak[j];
    }
    const double inverse = 1 / l[static_cast<size_t>(i * rows + i)];
    for (int64_t j = 0; j < cols; ++j) ai[j] *= inverse;
  }
}

}  // namespace

Initializer Initializer::parse(const Value& value, const std::string& what) {
  value.asObject(what);
  const Value* named = value.find("name");
  if (named == nullptr) fail(Code::Config, cat(what, " has no name"), {.option = what});
  const std::string& name = named->asString(what);
  Initializer out;
  const auto scaled = [&](bool uniform, double scale, Fan fan) {
    out.kind = uniform ? Kind::VarianceScalingUniform : Kind::VarianceScalingTruncatedNormal;
    out.a = scale;
    out.fan = fan;
  };
  if (name == "zeros") {
  } else if (name == "ones") {
    out.a = 1;
  } else if (name == "constant") {
    out.a = member(value, "value", 0, what);
  } else if (name == "uniform") {
    out.kind = Kind::Uniform;
    out.a = member(value, "min", -0.05, what);
    out.b = member(value, "max", 0.05, what);
  } else if (name == "normal" || name == "truncatedNormal") {
    out.kind = name == "normal" ? Kind::Normal : Kind::TruncatedNormal;
    out.a = member(value, "mean", 0, what);
    out.b = member(value, "stddev", 0.05, what);
  } else if (name == "glorotUniform" || name == "glorotNormal") {
    scaled(name == "glorotUniform", 1, Fan::Average);
  } else if (name == "heUniform" || name == "heNormal") {
    scaled(name == "heUniform", 2, Fan::In);
  } else if (name == "lecunUniform" || name == "lecunNormal") {
    scaled(name == "lecunUniform", 1, Fan::In);
  } else if (name == "orthogonal") {
    out.kind = Kind::Orthogonal;
    out.a = member(value, "gain", 1, what);
  } else {
    fail(Code::Config, cat(what, ": unknown initializer '", name, "'"),
         {.option = what, .received = name});
  }
  return out;
}

void Initializer::fill(float* values, const Shape& shape, uint64_t seed, uint64_t stream) const {
  const int64_t n = shape.elements();
  RandomSequence random(seed, stream);
  // Keras' fans: a vector's are its length; a matrix' are its rows and columns.
  const int64_t columns = std::max<int64_t>(1, shape.last());
  const double fanOut = static_cast<double>(columns);
  const double fanIn = shape.rank < 2 ? fanOut : static_cast<double>(n / columns);
  const double fans = std::max(1.0, fan == Fan::In ? fanIn : (fanIn + fanOut) / 2);
  switch (kind) {
    case Kind::Constant:
      std::fill_n(values, n, static_cast<float>(a));
      return;
    case Kind::Uniform:
      for (int64_t i = 0; i < n; ++i)
        values[i] = static_cast<float>(a + (b - a) * random.uniform());
      return;
    case Kind::Normal:
      for (int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(a + b * random.normal());
      return;
    case Kind::TruncatedNormal:
      for (int64_t i = 0; i < n; ++i)
        values[i] = static_cast<float>(a + b * truncatedNormal(random));
      return;
    case Kind::VarianceScalingUniform: {
      const double limit = std::sqrt(3 * a / fans);
      for (int64_t i = 0; i < n; ++i)
        values[i] = static_cast<float>(limit * (2 * random.uniform() - 1));
      return;
    }
    case Kind::VarianceScalingTruncatedNormal: {
      // The truncation shrinks the deviation; Keras' constant undoes it.
      const double deviation = std::sqrt(a / fans) / 0.87962566103423978;
      for (int64_t i = 0; i < n; ++i)
        values[i] = static_cast<float>(deviation * truncatedNormal(random));
      return;
    }
    case Kind::Orthogonal: {
      const int64_t rows = n / columns, small = std::min(rows, columns),
                    large = std::max(rows, columns);
      if (small == 0) return;
      std::vector<double> matrix(static_cast<size_t>(n));
      for (double& v : matrix) v = random.normal();
      for (int pass = 0; pass < 2; ++pass) orthonormalizeRows(matrix, small, large);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          values[i * columns + j] = static_cast<float>(
              a * matrix[static_cast<size_t>(rows <= columns ? i * large + j : j * large + i)]);
      return;
    }
  }
}

}  // namespace sluice
