// Matrix products: which kernels compute one, and what splits of k add up to.
#include "cuda/gemm.h"

#include <algorithm>
#include <atomic>

#include "cuda/gemm_library.h"
#include "cuda/gemm_tiles.h"

namespace sluice::cuda {
namespace {

// Sums over k are split where the product has so few tiles that most of a device would wait. By
// sizes alone, so that every device adds up in the same order.
Pieces piecesOf(const Product& p) {
  constexpr int64_t kTile = 64, kEnough = 128, kLeastDepth = 256, kMostPieces = 64;
  const int64_t tiles = divideUp(p.m, kTile) * divideUp(p.n, kTile) * p.batch.count();
  Pieces pieces{1, p.k};
  if (p.rowInvariant || p.batch.count() > 1 || tiles == 0 || tiles * 2 > kEnough) return pieces;
  const int64_t wanted = std::min({kEnough / tiles, p.k / kLeastDepth, kMostPieces});
  if (wanted < 2) return pieces;
  constexpr int64_t kStep = 32;  // of every kernel's stages, at least
  pieces.depth = divideUp(divideUp(p.k, wanted), kStep) * kStep;
  pieces.count = divideUp(p.k, pieces.depth);
  return pieces;
}

size_t pieceBytes(const Product& p, const Pieces& pieces) {
  return pieces.count > 1 ? static_cast<size_t>(pieces.count * p.m * p.n) * sizeof(float) : 0;
}

// Whether kernels may count in 32 bits.
bool fits(const Product& p) {
  constexpr int64_t kMost = 1 << 30;
  return std::max({p.m, p.n, p.k, p.lda, p.ldb, p.ldc}) <= kMost;
}

bool isAligned(const float* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

}  // namespace

TiledProduct tiled(const Product& p, const Pieces& pieces) {
  TiledProduct all{.product = p, .pieces = pieces.count, .pieceDepth = pieces.depth};
  const Batch& batch = p.batch;
  const auto wide = [](const float* data, int64_t columns, int64_t stride, int64_t outer,
                       int64_t inner) {
    return isAligned(data) && (columns | stride | outer | inner) % 4 == 0;
  };
  all.wideA = wide(p.a, p.transposeA ? p.m : p.k, p.lda, batch.outerA, batch.innerA);
  all.wideB = wide(p.b, p.transposeB ? p.k : p.n, p.ldb, batch.outerB, batch.innerB);
  all.wideC = wide(p.c, p.n, p.ldc, batch.outerC, batch.innerC);
  return all;
}

int multiprocessors(const OpCall& call) {
  constexpr int kDevices = 64;
  static std::atomic<int> known[kDevices];
  const int device = streamOf(call).device();
  std::atomic<int>& count = known[device % kDevices];
  if (const int n = count.load(std::memory_order_relaxed)) return n;
  int n = 0;
  if (cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, device) != cudaSuccess || n < 1)
    n = 1;
  count.store(n, std::memory_order_relaxed);
  return n;
}

size_t productScratchBytes(const OpCall& call, const Product& product) noexcept {
  return std::max(pieceBytes(product, piecesOf(product)), libraryScratchBytes(call, product));
}

int32_t multiply(const OpCall& call, const Product& product, void* scratch) noexcept {
  if (product.m <= 0 || product.n <= 0 || product.batch.count() <= 0) return 0;
  if (!fits(product)) return statusOf(cudaErrorInvalidValue);
  if (int32_t status = 0; multiplyByLibrary(call, product, scratch, status)) return status;
  const auto compute = [&](const TiledProduct& all) {
    return call.context->precision == Precision::Float32 ? multiplyFloat32(call, all)
                                                         : multiplyRounded(call, all);
  };
  const Pieces pieces = piecesOf(product);
  if (pieces.count == 1) return compute(tiled(product, pieces));
  Product parts = product;
  parts.c = static_cast<float*>(scratch);
  parts.ldc = product.n;
  parts.bias = nullptr;
  parts.accumulate = false;
  if (const int32_t status = compute(tiled(parts, pieces))) return status;
  const float* from = parts.c;
  const int64_t n = product.n, size = product.m * n, count = pieces.count;
  return forEach(call, size, [=] __device__(int64_t i) {
    float sum = from[i];
    for (int64_t piece = 1; piece < count; ++piece) sum += from[piece * size + i];
    leave(product, product.c, static_cast<int>(i / n), static_cast<int>(i % n), sum);
  });
}

}  // namespace sluice::cuda
