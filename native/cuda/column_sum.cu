#include "cuda/column_sum.h"

#include "cuda/groups.h"

namespace sluice::cuda {
namespace {

Groups columnsOf(int64_t rows, int64_t columns, int64_t matrices) {
  return {matrices * columns, rows, columns > 1};
}

}  // namespace

size_t columnSumScratchBytes(int64_t rows, int64_t columns, int64_t matrices) noexcept {
  return reduceScratchBytes<Sum<double>>(columnsOf(rows, columns, matrices));
}

int32_t sumColumns(const OpCall& call, const ColumnSums& sums, void* scratch) noexcept {
  return reduceGroups<Sum<double>>(
      call, columnsOf(sums.rows, sums.columns, sums.matrices), scratch,
      [=] __device__(int64_t i) {
        return i / sums.columns * sums.rows * sums.ldx + i % sums.columns;
      },
      [=] __device__(Sum<double> & own, int64_t first, int64_t row) {
        own.value += static_cast<double>(sums.x[first + row * sums.ldx]);
      },
      [=] __device__(int64_t i, const Sum<double>& own) {
        const double before = sums.accumulate ? static_cast<double>(sums.out[i]) : 0;
        sums.out[i] = static_cast<float>(before + own.value);
      });
}

}  // namespace sluice::cuda
