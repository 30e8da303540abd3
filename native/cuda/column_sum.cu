// Sums of columns: in double, rows in chunks whose edges follow from the shape alone.
#include "cuda/gemm.h"
#include "cuda/launch.h"

namespace sluice::cuda {
namespace {

constexpr int kWidth = 32, kLanes = 8;  // a block: columns, and threads that share out their rows

struct Chunks {
  int64_t rows, count;
};
Chunks chunksOf(int64_t rows) {
  constexpr int64_t kLeast = 128, kMost = 128;
  const int64_t each = std::max(kLeast, divideUp(rows, kMost));
  return {each, divideUp(rows, each)};
}

// The sums of a chunk go to partial[chunk][column].
__global__ void columnSumKernel(const float* x, int64_t rows, int64_t columns, int64_t ldx,
                                int64_t chunkRows, double* partial) {
  __shared__ double sums[kLanes][kWidth];
  const int64_t column = int64_t{blockIdx.x} * kWidth + threadIdx.x;
  const int64_t begin = int64_t{blockIdx.y} * chunkRows;
  const int64_t end = begin + chunkRows < rows ? begin + chunkRows : rows;
  double sum = 0;
  if (column < columns)
    for (int64_t row = begin + threadIdx.y; row < end; row += kLanes)
      sum += static_cast<double>(x[row * ldx + column]);
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
  for (int i = 1; i < kLanes; ++i) sum += sums[i][threadIdx.x];
  partial[int64_t{blockIdx.y} * columns + column] = sum;
}

}  // namespace

size_t columnSumScratchBytes(int64_t rows, int64_t columns) noexcept {
  return static_cast<size_t>(chunksOf(rows).count * columns) * sizeof(double);
}

int32_t sumColumns(const OpCall& call, const float* x, int64_t rows, int64_t columns, int64_t ldx,
                   float* out, bool accumulate, void* scratch) noexcept {
  const Chunks chunks = chunksOf(rows);
  auto* partial = static_cast<double*>(scratch);
  const Grid grid{
      dim3(static_cast<unsigned>(divideUp(columns, kWidth)), static_cast<unsigned>(chunks.count)),
      dim3(kWidth, kLanes)};
  if (const int32_t status =
          launch(call, columnSumKernel, grid, x, rows, columns, ldx, chunks.rows, partial))
    return status;
  return forEach(call, columns, [=] __device__(int64_t column) {
    double sum = accumulate ? static_cast<double>(out[column]) : 0;
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk) sum += partial[chunk * columns + column];
    out[column] = static_cast<float>(sum);
  });
}

}  // namespace sluice::cuda
