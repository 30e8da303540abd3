// Matrix products of the CUDA backend, put into a stream by a test and compared with sums in
// double.
#pragma once

#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "cuda/emulator_support.h"
#include "cuda/gemm.h"
#include "cuda/stream.h"
#include "support/rounding.h"
#include "support/tensor.h"

namespace sluice::test {

struct ProductSpec {
  int64_t m, n, k;
  bool transposeA = false, transposeB = false;
  bool accumulate = false, bias = false, rowInvariant = false;
  int shift = 0;    // elements that each matrix begins behind a boundary
  int64_t gap = 0;  // between rows
  Precision precision = Precision::Float32;
};

inline std::string describe(const ProductSpec& s) {
  return std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k) +
         (s.transposeA ? " a^T" : "") + (s.transposeB ? " b^T" : "") + " shift " +
         std::to_string(s.shift) + " gap " + std::to_string(s.gap) + " precision " +
         std::to_string(static_cast<int>(s.precision));
}

// A matrix as it lies in memory, and what surrounds it.
struct Stored {
  int64_t rows, columns, stride;
  int shift;
  std::vector<float> values;

  Stored(Random& random, int64_t rows, int64_t columns, const ProductSpec& s)
      : rows(rows), columns(columns), stride(columns + s.gap), shift(s.shift) {
    values.resize(static_cast<size_t>(rows * stride + shift));
    for (float& value : values) value = static_cast<float>(random.uniform(-1, 1));
  }
  size_t place(int64_t row, int64_t column) const {
    return static_cast<size_t>(shift + row * stride + column);
  }
  double at(int64_t row, int64_t column, bool transposed = false) const {
    return values[transposed ? place(column, row) : place(row, column)];
  }
};

class ProductRun {
 public:
  ProductRun(const ProductSpec& spec, uint64_t seed = 1)
      : spec(spec),
        random_(seed),
        a(random_, spec.transposeA ? spec.k : spec.m, spec.transposeA ? spec.m : spec.k, spec),
        b(random_, spec.transposeB ? spec.n : spec.k, spec.transposeB ? spec.k : spec.n, spec),
        c(random_, spec.m, spec.n, spec),
        bias(random_, 1, spec.n, spec) {}

  ProductSpec spec;

 private:
  Random random_;

 public:
  Stored a, b, c, bias;

  // What c holds afterwards.
  std::vector<float> run(cuda::Stream& stream) const {
    const Array<float> onA(a.values), onB(b.values), onC(c.values), onBias(bias.values);
    cuda::Product product;
    product.m = spec.m, product.n = spec.n, product.k = spec.k;
    product.a = onA.data() + spec.shift, product.lda = a.stride;
    product.transposeA = spec.transposeA;
    product.b = onB.data() + spec.shift, product.ldb = b.stride;
    product.transposeB = spec.transposeB;
    product.c = onC.data() + spec.shift, product.ldc = c.stride;
    if (spec.bias) product.bias = onBias.data() + spec.shift;
    product.accumulate = spec.accumulate;
    product.rowInvariant = spec.rowInvariant;
    RunContext context;
    context.precision = spec.precision;
    context.queue = &stream;
    OpCall call;
    call.context = &context;
    const Array<uint8_t> scratch(cuda::productScratchBytes(call, product));
    EXPECT_EQ(cuda::multiply(call, product, scratch.data()), 0);
    expectOk(cudaStreamSynchronize(stream.handle()));
    return onC.values();
  }

  // The largest difference from the sum in double of factors that are rounded, or not; infinity
  // where something else was written.
  double error(const std::vector<float>& got, bool rounded) const {
    const auto factors = [&](const Stored& stored, int64_t rows, int64_t columns, bool transposed) {
      std::vector<double> values;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          const double x = stored.at(i, j, transposed);
          values.push_back(rounded ? roundedTo(spec.precision, x) : x);
        }
      return values;
    };
    const std::vector<double> ofA = factors(a, spec.m, spec.k, spec.transposeA);
    const std::vector<double> ofB = factors(b, spec.n, spec.k, !spec.transposeB);
    double worst = 0;
    for (int64_t i = 0; i < spec.m; ++i)
      for (int64_t j = 0; j < spec.n; ++j) {
        double sum = spec.bias ? bias.at(0, j) : 0;
        if (spec.accumulate) sum += c.at(i, j);
        sum = std::inner_product(ofA.begin() + i * spec.k, ofA.begin() + (i + 1) * spec.k,
                                 ofB.begin() + j * spec.k, sum);
        const double d = std::abs(got[c.place(i, j)] - sum);
        worst = d <= worst ? worst : d;  // NaN counts
      }
    std::vector<float> outside = got;
    for (int64_t i = 0; i < spec.m; ++i)
      for (int64_t j = 0; j < spec.n; ++j) outside[c.place(i, j)] = c.values[c.place(i, j)];
    return outside == c.values ? worst : INFINITY;
  }
};

inline std::unique_ptr<cuda::Stream> openStream() {
  std::unique_ptr<cuda::Stream> stream;
  EXPECT_EQ(cuda::Stream::open(0, stream), 0);
  return stream;
}

constexpr Precision kPrecisions[] = {Precision::Float32, Precision::TensorFloat32,
                                     Precision::BFloat16, Precision::Float16};

// Of a sum of k products of numbers up to 1, in float32, beside what rounding factors costs.
inline double sumBound(int64_t k) { return 2e-6 * std::sqrt(static_cast<double>(k + 1)); }
// What it costs: half a unit of each factor.
inline double roundingBound(Precision precision, int64_t k) {
  const double unit = precision == Precision::Float32    ? 0
                      : precision == Precision::BFloat16 ? 0x1p-8
                                                         : 0x1p-11;
  return 2 * unit * std::sqrt(static_cast<double>(k + 1));
}

}  // namespace sluice::test
