#include "cpu/sums.h"

#include <algorithm>

#include "cpu/parallel.h"

namespace sluice::cpu {

void columnSums(int threads, int64_t rows, int64_t columns, const float* matrix,
                float* sums) noexcept {
  constexpr int64_t kRows = 128;
  constexpr int64_t kColumns = 64;
  const int useful = rows * columns < (1 << 17) ? 1 : threads;
  parallelFor(useful, columns, kColumns, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kColumns) {
      const int64_t width = std::min(kColumns, end - first);
      std::fill_n(sums + first, width, 0.0f);
      for (int64_t block = 0; block < rows; block += kRows) {
        float part[kColumns] = {};
        for (int64_t row = block; row < std::min(block + kRows, rows); ++row)
          for (int64_t j = 0; j < width; ++j) part[j] += matrix[row * columns + first + j];
        for (int64_t j = 0; j < width; ++j) sums[first + j] += part[j];
      }
    }
  });
}

}  // namespace sluice::cpu
