#include "cuda/cublas.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <string>

namespace sluice::cuda {

// Names and numbers are those of the versions 12 and 13.
struct CublasLibrary {
  int (*create)(void** handle) = nullptr;
  int (*destroy)(void* handle) = nullptr;
  int (*setStream)(void* handle, cudaStream_t stream) = nullptr;
  int (*setWorkspace)(void* handle, void* workspace, size_t bytes) = nullptr;
  int (*gemm)(void* handle, int opA, int opB, int m, int n, int k, const void* alpha, const void* a,
              int typeA, int lda, const void* b, int typeB, int ldb, const void* beta, void* c,
              int typeC, int ldc, int computeType, int algorithm) = nullptr;
};

namespace {

enum Operation { kPlain = 0, kTransposed = 1 };
enum ElementType { kFloat32 = 0, kFloat16 = 2, kBFloat16 = 14 };
// Pedantic: float32 in float32, and no rearranged sums.
enum ComputeType { kCompute32 = 68, kCompute32Pedantic = 69, kComputeTf32 = 77 };
constexpr int kDefaultAlgorithm = -1;
constexpr size_t kWorkspaceBytes = 32 << 20;  // what is advised for the largest devices

bool load(const char* file, CublasLibrary& library) {
  void* opened = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return false;
  const auto find = [&](auto& function, const char* name) {
    void* symbol = dlsym(opened, name);
    std::memcpy(&function, &symbol, sizeof symbol);
    return symbol != nullptr;
  };
  return find(library.create, "cublasCreate_v2") && find(library.destroy, "cublasDestroy_v2") &&
         find(library.setStream, "cublasSetStream_v2") &&
         find(library.setWorkspace, "cublasSetWorkspace_v2") && find(library.gemm, "cublasGemmEx");
}

// Null where there is none. Libraries stay open.
const CublasLibrary* libraryOf(const std::string& path) {
  struct Entry {
    CublasLibrary library;
    bool loaded = false;
  };
  static std::mutex mutex;
  static std::map<std::string, Entry> known;
  const std::lock_guard lock(mutex);
  const auto [found, isNew] = known.try_emplace(path);
  Entry& entry = found->second;
  if (isNew) {
    if (path.empty())
      entry.loaded =
          load("libcublas.so.13", entry.library) || load("libcublas.so.12", entry.library);
    else
      entry.loaded = load(path.c_str(), entry.library);
  }
  return entry.loaded ? &entry.library : nullptr;
}

}  // namespace

Cublas* Cublas::open(int32_t device, cudaStream_t stream) noexcept {
  const char* choice = std::getenv("SLUICE_CUBLAS");
  if (choice != nullptr && std::strcmp(choice, "off") == 0) return nullptr;
  const char* path = std::getenv("SLUICE_CUBLAS_PATH");
  try {
    const CublasLibrary* library = libraryOf(path == nullptr ? "" : path);
    if (library == nullptr || cudaSetDevice(device) != cudaSuccess) return nullptr;
    void* handle = nullptr;
    if (library->create(&handle) != 0) return nullptr;
    auto* opened = new (std::nothrow) Cublas(*library, handle);
    if (opened == nullptr) {
      library->destroy(handle);
      return nullptr;
    }
    // The stream first: it takes the workspace away.
    if (library->setStream(handle, stream) == 0 &&
        cudaMalloc(&opened->workspace_, kWorkspaceBytes) == cudaSuccess &&
        library->setWorkspace(handle, opened->workspace_, kWorkspaceBytes) == 0)
      return opened;
    cudaGetLastError();
    delete opened;
  } catch (const std::exception&) {  // out of memory
  }
  return nullptr;
}

Cublas::~Cublas() {
  library_.destroy(handle_);
  cudaFree(workspace_);
}

int32_t Cublas::multiply(Precision precision, const Arguments& p) noexcept {
  int type = kFloat32, compute = kCompute32Pedantic;
  if (precision == Precision::TensorFloat32) compute = kComputeTf32;
  if (precision == Precision::BFloat16) type = kBFloat16, compute = kCompute32;
  if (precision == Precision::Float16) type = kFloat16, compute = kCompute32;
  const float one = 1, beta = p.accumulate ? 1 : 0;
  const auto size = [](int64_t n) { return static_cast<int>(n); };
  // Its matrices are column-major: a row-major one is its own transpose, and c^T = b^T a^T.
  return library_.gemm(handle_, p.transposeB ? kTransposed : kPlain,
                       p.transposeA ? kTransposed : kPlain, size(p.n), size(p.m), size(p.k), &one,
                       p.b, type, size(p.ldb), p.a, type, size(p.lda), &beta, p.c, kFloat32,
                       size(p.ldc), compute, kDefaultAlgorithm);
}

}  // namespace sluice::cuda
