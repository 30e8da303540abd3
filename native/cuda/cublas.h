// cuBLAS, where the machine has it: for large products. Nothing is linked against it; the library
// is opened when a stream first wants a product of it.
//   SLUICE_CUBLAS=off    it is not looked for
//   SLUICE_CUBLAS_PATH   the file to open, instead of libcublas.so.13 and .12
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cuda {

struct CublasLibrary;

// A handle with a workspace of its own, for one stream: calls may be recorded into graphs, and the
// same call gives the same bits.
class Cublas {
 public:
  // Null where there is no library, or it cannot be used.
  static Cublas* open(int32_t device, cudaStream_t stream) noexcept;
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  // c = op(a) op(b) + (accumulate ? c : 0), row-major, as Product has it. Factors are float32 or,
  // with Precision::BFloat16 and Float16, elements of those.
  struct Arguments {
    int64_t m, n, k;
    const void* a;
    int64_t lda;
    bool transposeA;
    const void* b;
    int64_t ldb;
    bool transposeB;
    float* c;
    int64_t ldc;
    bool accumulate;
  };
  // 0, or what cuBLAS returned.
  int32_t multiply(Precision precision, const Arguments& arguments) noexcept;

 private:
  Cublas(const CublasLibrary& library, void* handle) : library_(library), handle_(handle) {}

  const CublasLibrary& library_;
  void* handle_;
  void* workspace_ = nullptr;
};

}  // namespace sluice::cuda
