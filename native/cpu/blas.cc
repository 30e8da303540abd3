#include "cpu/blas.h"

#include <cblas.h>

#include <algorithm>
#include <sstream>

#include "cpu/parallel.h"

namespace sluice::cpu::blas {

// Of another CBLAS nothing is known but the standard calls.
#ifdef SLUICE_OPENBLAS

const char* whyNotUsable() {
  // Debian's serial build is compiled without locks: products computed on two threads at the same
  // time come out wrong now and then.
  if (openblas_get_parallel() == OPENBLAS_SEQUENTIAL)
    return "the linked OpenBLAS is its serial build, which is not safe to call from several "
           "threads; "
           "link the openmp or the pthread build";
  return nullptr;
}

Info info() {
  Info result;
  result.config = openblas_get_config();
  std::istringstream words(result.config);
  words >> result.name >> result.version;
  static constexpr const char* kBuilds[] = {"serial", "pthread", "openmp"};
  result.build = kBuilds[std::clamp(openblas_get_parallel(), 0, 2)];
  result.core = openblas_get_corename();
  return result;
}

std::string description() {
  const Info blas = info();
  return blas.name + " " + blas.version + " " + blas.build + ", " + blas.core;
}

void useOneThread() {
  const OneThreadScope scope;  // the openmp build changes OpenMP's setting of the calling thread
  openblas_set_num_threads(1);
}

#else

const char* whyNotUsable() { return nullptr; }
Info info() { return {.name = "CBLAS"}; }
std::string description() { return info().name; }
void useOneThread() {}

#endif

void sgemm(Transpose a, Transpose b, int64_t m, int64_t n, int64_t k, const float* A, int64_t lda,
           const float* B, int64_t ldb, float beta, float* C, int64_t ldc) noexcept {
  if (m <= 0 || n <= 0) return;
  const auto integer = [](int64_t value) { return static_cast<int>(std::max<int64_t>(value, 0)); };
  const OneThreadScope scope;
  // BLAS counts in int: long sums, which are over rows and steps, go piece by piece.
  constexpr int64_t kLongest = int64_t{1} << 30;
  int64_t first = 0;
  do {
    const int64_t piece = std::min(kLongest, k - first);
    cblas_sgemm(CblasRowMajor, a == Transpose::Yes ? CblasTrans : CblasNoTrans,
                b == Transpose::Yes ? CblasTrans : CblasNoTrans, integer(m), integer(n),
                integer(piece), 1.0f, A + first * (a == Transpose::Yes ? lda : 1),
                std::max(integer(lda), 1), B + first * (b == Transpose::Yes ? 1 : ldb),
                std::max(integer(ldb), 1), first == 0 ? beta : 1.0f, C, std::max(integer(ldc), 1));
    first += piece;
  } while (first < k);
}

}  // namespace sluice::cpu::blas
