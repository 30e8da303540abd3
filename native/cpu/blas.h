// The BLAS calls of the CPU backend. blas.cc is the only file that knows cblas.h.
//
// A call runs on the calling thread alone, inside and outside of regions, and any number of threads
// may call at the same time. The bits of a product may depend on its shape and on how it is cut:
// callers cut by shape alone, and nothing that must be row-invariant comes here.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::cpu::blas {

// Null, or why this build of BLAS may not be called from several threads.
const char* whyNotUsable();
struct Info {
  std::string name;     // "OpenBLAS", or "CBLAS" for one that cannot be asked
  std::string version;  // this and the rest: "" where it cannot be asked
  std::string build;    // "serial", "pthread" or "openmp"
  std::string core;     // the kernels that it has chosen: "Haswell"
  std::string config;   // what it was compiled with, in its own words
};
Info info();
// "OpenBLAS 0.3.21 openmp, Haswell"
std::string description();
// Once, before the first call.
void useOneThread();

enum class Transpose { No, Yes };

// C [m,n] = op(A) op(B) + beta C; row-major, op(A) is [m,k], op(B) is [k,n]; lda, ldb and ldc are
// the distances between rows as they lie in memory. With beta 0, C is not read. m, n and the
// distances are below 2^31.
void sgemm(Transpose a, Transpose b, int64_t m, int64_t n, int64_t k, const float* A, int64_t lda,
           const float* B, int64_t ldb, float beta, float* C, int64_t ldc) noexcept;

}  // namespace sluice::cpu::blas
