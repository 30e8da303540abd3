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
    fail(Code::Config, cat(what, ".", name, " must be finite"),
         {.expected = "a finite number", .received = found->text()});
  return number;
}

// Standard normal, redrawn outside two standard deviations (Keras' truncated normal).
double truncatedNormal(RandomSequence& random) {
  double value;
  do value = random.normal();
  while (std::abs(value) > 2);
  return value;
}

// y -= sum of factor[k] x[k] over `count` rows of length n, four rows at a time.
void subtractRows(double* y, const double* x, int64_t stride, const double* factor, int64_t count,
                  int64_t n) {
  int64_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const double *x0 = x + k * stride, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
    const double f0 = factor[k], f1 = factor[k + 1], f2 = factor[k + 2], f3 = factor[k + 3];
    for (int64_t j = 0; j < n; ++j) y[j] -= (f0 * x0[j] + f1 * x1[j]) + (f2 * x2[j] + f3 * x3[j]);
  }
  for (; k < count; ++k)
    for (int64_t j = 0; j < n; ++j) y[j] -= factor[k] * x[k * stride + j];
}

// Rows of a matrix made orthonormal by the Cholesky factor L of its Gram matrix: A <- L^-1 A
// (CholeskyQR). What is lost is the square of the condition number, in double: of normal random
// entries it is small, unless the matrix is nearly square; then a second pass restores it.
void orthonormalizeRows(std::vector<double>& a, int64_t rows, int64_t cols) {
  // In columns that stay in the cache: the Gram matrix is the sum of its parts, and each column of
  // A is solved for alone.
  constexpr int64_t kBlock = 64;
  std::vector<double> l(static_cast<size_t>(rows * rows), 0.0);
  std::vector<double> columns(static_cast<size_t>(kBlock * rows));
  for (int64_t first = 0; first < cols; first += kBlock) {
    const int64_t width = std::min(kBlock, cols - first);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = 0; k < width; ++k)
        columns[static_cast<size_t>(k * rows + i)] = a[static_cast<size_t>(i * cols + first + k)];
    for (int64_t i = 0; i < rows; ++i) {
      double factor[kBlock];
      for (int64_t k = 0; k < width; ++k) factor[k] = -columns[static_cast<size_t>(k * rows + i)];
      subtractRows(&l[static_cast<size_t>(i * rows)], columns.data(), rows, factor, width, i + 1);
    }
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
  for (int64_t first = 0; first < cols; first += kBlock) {
    const int64_t width = std::min(kBlock, cols - first);
    for (int64_t i = 0; i < rows; ++i) {
      double* ai = &a[static_cast<size_t>(i * cols + first)];
      subtractRows(ai, &a[static_cast<size_t>(first)], cols, &l[static_cast<size_t>(i * rows)], i,
                   width);
      const double inverse = 1 / l[static_cast<size_t>(i * rows + i)];
      for (int64_t j = 0; j < width; ++j) ai[j] *= inverse;
    }
  }
}

}  // namespace

Initializer Initializer::parse(const Value& value, const std::string& what) {
  value.asObject(what);
  const Value* named = value.find("name");
  if (named == nullptr)
    fail(Code::Config, cat(what, " has no name"), {.expected = "a name", .received = value.text()});
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
         {.expected = "the name of an initializer", .received = name});
  }
  return out;
}

void Initializer::fill(float* values, const Shape& shape, uint64_t seed, uint64_t stream) const {
  draw(values, shape, seed, stream);
  std::fill(values + onesBegin, values + onesEnd, 1.0f);
}

void Initializer::draw(float* values, const Shape& shape, uint64_t seed, uint64_t stream) const {
  const int64_t n = shape.elements();
  RandomSequence random(seed, stream);
  // Keras' fans: a vector's are its length; a matrix' are its rows and columns, for each of the
  // positions of a window where axes of one come before them.
  const int64_t columns = std::max<int64_t>(1, shape.last());
  int64_t positions = 1;
  for (int i = 0; i + 2 < shape.rank; ++i) positions *= shape[i];
  const double fanOut = static_cast<double>(positions * columns);
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
      for (int pass = 0; pass < (2 * small > large ? 2 : 1); ++pass)
        orthonormalizeRows(matrix, small, large);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          values[i * columns + j] = static_cast<float>(
              a * matrix[static_cast<size_t>(rows <= columns ? i * large + j : j * large + i)]);
      return;
    }
  }
}

}  // namespace sluice
