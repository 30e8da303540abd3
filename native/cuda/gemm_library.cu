// What cuBLAS does not do itself: rounding factors, and a bias.
#include "cuda/gemm_library.h"

#include "cuda/cublas.h"
#include "cuda/device/intrinsics.h"
#include "cuda/launch.h"

namespace sluice::cuda {
namespace {

bool hasNarrowFactors(Precision precision) {
  return precision == Precision::BFloat16 || precision == Precision::Float16;
}

// A factor of 16-bit elements, its rows on boundaries of 16 bytes.
struct Narrow {
  int64_t rows, columns, stride;

  Narrow(int64_t k, int64_t extent, bool alongK)
      : rows(alongK ? extent : k), columns(alongK ? k : extent), stride(divideUp(columns, 8) * 8) {}
  size_t elements() const { return static_cast<size_t>(rows * stride); }
};
Narrow narrowA(const Product& p) { return {p.k, p.m, !p.transposeA}; }
Narrow narrowB(const Product& p) { return {p.k, p.n, p.transposeB}; }

// A thread takes what is written as 16 bytes; behind a row's end zeros.
int32_t narrow(const OpCall& call, const float* from, int64_t ld, const Narrow& to,
               uint16_t* elements) {
  constexpr int kTogether = 8;
  const bool brain = call.context->precision == Precision::BFloat16;
  const bool wide = ld % 4 == 0 && reinterpret_cast<uintptr_t>(from) % 16 == 0;
  const int64_t columns = to.columns, perRow = to.stride / kTogether;
  auto* const out = reinterpret_cast<uint4*>(elements);
  return forEach(call, to.rows * perRow, [=] __device__(int64_t i) {
    const int64_t row = i / perRow, column = i % perRow * kTogether;
    const float* const x = from + row * ld + column;
    float values[kTogether] = {};
    if (wide && column + kTogether <= columns) {
      const float4 left = reinterpret_cast<const float4*>(x)[0],
                   right = reinterpret_cast<const float4*>(x)[1];
      values[0] = left.x, values[1] = left.y, values[2] = left.z, values[3] = left.w;
      values[4] = right.x, values[5] = right.y, values[6] = right.z, values[7] = right.w;
    } else {
      for (int k = 0; k < kTogether && column + k < columns; ++k) values[k] = x[k];
    }
    const auto pack = [&](int k) {
      return brain ? packBFloat16(values[k], values[k + 1]) : packHalf(values[k], values[k + 1]);
    };
    out[i] = make_uint4(pack(0), pack(2), pack(4), pack(6));
  });
}

// c = bias, or c += bias.
int32_t addBias(const OpCall& call, const Product& p) {
  const int64_t n = p.n, ldc = p.ldc;
  float* c = p.c;
  const float* bias = p.bias;
  const bool accumulate = p.accumulate;
  return forEach(call, p.m * n, [=] __device__(int64_t i) {
    float* to = c + i / n * ldc + i % n;
    *to = accumulate ? *to + bias[i % n] : bias[i % n];
  });
}

}  // namespace

bool isForLibrary(const Product& p) {
  constexpr int64_t kLeastSide = 32, kLeastWork = 1 << 25;
  return !p.rowInvariant && p.batch.count() == 1 && std::min({p.m, p.n, p.k}) >= kLeastSide &&
         p.m * p.n >= kLeastWork / p.k;
}

size_t libraryScratchBytes(const OpCall& call, const Product& p) {
  if (!isForLibrary(p) || !hasNarrowFactors(call.context->precision)) return 0;
  return (narrowA(p).elements() + narrowB(p).elements()) * sizeof(uint16_t);
}

bool multiplyByLibrary(const OpCall& call, const Product& p, void* scratch, int32_t& status) {
  Cublas* cublas = isForLibrary(p) ? streamOf(call).cublas() : nullptr;
  if (cublas == nullptr) return false;
  cudaSetDevice(streamOf(call).device());
  const Precision precision = call.context->precision;
  Cublas::Arguments arguments{p.m, p.n,   p.k,          p.a, p.lda, p.transposeA,
                              p.b, p.ldb, p.transposeB, p.c, p.ldc, p.accumulate || p.bias};
  status = p.bias ? addBias(call, p) : 0;
  if (hasNarrowFactors(precision)) {
    const Narrow a = narrowA(p), b = narrowB(p);
    auto* fromA = static_cast<uint16_t*>(scratch);
    auto* fromB = fromA + a.elements();
    if (status == 0) status = narrow(call, p.a, p.lda, a, fromA);
    if (status == 0) status = narrow(call, p.b, p.ldb, b, fromB);
    arguments.a = fromA, arguments.lda = a.stride;
    arguments.b = fromB, arguments.ldb = b.stride;
  }
  if (status == 0)
    if (const int32_t error = cublas->multiply(precision, arguments))
      status = kCublasStatus + error;
  return true;
}

}  // namespace sluice::cuda
