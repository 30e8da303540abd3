// Stands in for libcublas in tests: the same symbols, plain loops, and as strict about arguments as
// the calls under test rely on. Matrices are column-major, as cuBLAS has them.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

enum Status { kSuccess = 0, kNotInitialized = 1, kInvalidValue = 7, kNotSupported = 15 };
enum Type { kFloat32 = 0, kFloat16 = 2, kBFloat16 = 14 };
enum Compute { kCompute32 = 68, kPedantic = 69, kTf32 = 77 };

struct Handle {
  void* stream = nullptr;
  void* workspace = nullptr;
};

float elementAt(const void* data, int type, int64_t i) {
  if (type == kFloat32) return static_cast<const float*>(data)[i];
  const uint32_t bits = static_cast<const uint16_t*>(data)[i];
  if (type == kBFloat16) {
    const uint32_t wide = bits << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  }
  const int exponent = static_cast<int>(bits >> 10 & 31), mantissa = static_cast<int>(bits & 1023);
  const float size = exponent == 31 ? (mantissa ? NAN : INFINITY)
                     : exponent == 0
                         ? std::ldexp(static_cast<float>(mantissa), -24)
                         : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return bits >> 15 ? -size : size;
}

// To 10 bits behind the leading one, halves away from zero.
float toTf32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x1000) & ~0x1fffu;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

struct Product {
  int opA, opB, m, n, k;
  const void* a;
  int typeA, lda;
  const void* b;
  int typeB, ldb;
  float alpha, beta;
  float* c;
  int ldc, compute;

  // op(x) with the elements of a row of the result's, or of a column's, side by side.
  std::vector<float> factor(const void* data, int type, int64_t extent, int64_t step,
                            int64_t stepOfK) const {
    std::vector<float> values;
    for (int64_t i = 0; i < extent; ++i)
      for (int64_t l = 0; l < k; ++l) {
        const float value = elementAt(data, type, i * step + l * stepOfK);
        values.push_back(compute == kTf32 ? toTf32(value) : value);
      }
    return values;
  }
  void run() const {
    const std::vector<float> fromA = factor(a, typeA, m, opA ? lda : 1, opA ? 1 : lda);
    const std::vector<float> fromB = factor(b, typeB, n, opB ? 1 : ldb, opB ? ldb : 1);
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i < m; ++i) {
        float sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += fromA[static_cast<size_t>(i * k + l)] * fromB[static_cast<size_t>(j * k + l)];
        float& to = c[i + j * static_cast<int64_t>(ldc)];
        to = alpha * sum + (beta == 0 ? 0 : beta * to);
      }
  }
};

void runProduct(void* product) {
  static_cast<Product*>(product)->run();
  delete static_cast<Product*>(product);
}

}  // namespace

#define SLUICE_FAKE extern "C" __attribute__((visibility("default")))

// Puts work into a stream; without it work is done at once.
SLUICE_FAKE int (*fakeCublasEnqueue)(void* stream, void (*work)(void*), void* argument) = nullptr;
SLUICE_FAKE int fakeCublasProducts = 0;
SLUICE_FAKE int fakeCublasHandles = 0;

SLUICE_FAKE int cublasCreate_v2(void** handle) {
  ++fakeCublasHandles;
  *handle = new Handle;
  return kSuccess;
}
SLUICE_FAKE int cublasDestroy_v2(void* handle) {
  --fakeCublasHandles;
  delete static_cast<Handle*>(handle);
  return kSuccess;
}
SLUICE_FAKE int cublasSetStream_v2(void* handle, void* stream) {
  *static_cast<Handle*>(handle) = {stream, nullptr};
  return kSuccess;
}
SLUICE_FAKE int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(workspace) % 256 != 0 || bytes == 0) return kInvalidValue;
  static_cast<Handle*>(handle)->workspace = workspace;
  return kSuccess;
}
SLUICE_FAKE int cublasGemmEx(void* handle, int opA, int opB, int m, int n, int k, const void* alpha,
                             const void* a, int typeA, int lda, const void* b, int typeB, int ldb,
                             const void* beta, void* c, int typeC, int ldc, int compute,
                             int algorithm) {
  const auto* own = static_cast<const Handle*>(handle);
  if (own->stream == nullptr || own->workspace == nullptr) return kNotInitialized;
  const bool isNarrow = typeA == kBFloat16 || typeA == kFloat16;
  if (typeA != typeB || typeC != kFloat32 || algorithm != -1) return kNotSupported;
  if (isNarrow ? compute != kCompute32 : compute != kPedantic && compute != kTf32)
    return kNotSupported;
  if (opA < 0 || opA > 1 || opB < 0 || opB > 1 || m < 0 || n < 0 || k < 0 || lda < (opA ? k : m) ||
      ldb < (opB ? n : k) || ldc < m)
    return kInvalidValue;
  ++fakeCublasProducts;
  auto* product = new Product{opA,
                              opB,
                              m,
                              n,
                              k,
                              a,
                              typeA,
                              lda,
                              b,
                              typeB,
                              ldb,
                              *static_cast<const float*>(alpha),
                              *static_cast<const float*>(beta),
                              static_cast<float*>(c),
                              ldc,
                              compute};
  if (fakeCublasEnqueue != nullptr) return fakeCublasEnqueue(own->stream, runProduct, product);
  runProduct(product);
  return kSuccess;
}
