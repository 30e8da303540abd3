// Broadcast and SumRows: one row to all, and all to one.
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

int64_t rowGrain(int64_t features) {
  return std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(1, features));
}

int32_t runBroadcast(const OpCall& call) noexcept {
  const float* x = input(call, broadcast::kX);
  float* y = output(call, broadcast::kY);
  const Shape& shape = call.out[broadcast::kY].shape;
  const int64_t features = shape[1];
  parallelFor(call.context->threads, shape[0], rowGrain(features), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) std::copy_n(x, features, y + b * features);
  });
  return 0;
}

KernelChoice describeBroadcast(const OpCall& call) noexcept {
  const Shape& shape = call.out[broadcast::kY].shape;
  return describeShared(call, "rows", shape[0], rowGrain(shape[1]));
}

// Some columns at a time, so that their sums stay in registers or the first-level cache.
constexpr int64_t kColumns = 64;

int32_t runSumRows(const OpCall& call) noexcept {
  const float* x = input(call, sumRows::kX);
  float* y = output(call, sumRows::kY);
  const Shape& shape = call.in[sumRows::kX].shape;
  const int64_t rows = shape[0], features = shape[1];
  parallelFor(call.context->threads, features, kColumns, [&](int64_t first, int64_t last) {
    for (int64_t begin = first; begin < last; begin += kColumns) {
      const int64_t columns = std::min(kColumns, last - begin);
      double sums[kColumns] = {};
      for (int64_t b = 0; b < rows; ++b)
        for (int64_t c = 0; c < columns; ++c)
          sums[c] += static_cast<double>(x[b * features + begin + c]);
      for (int64_t c = 0; c < columns; ++c) y[begin + c] = static_cast<float>(sums[c]);
    }
  });
  return 0;
}

KernelChoice describeSumRows(const OpCall& call) noexcept {
  return describeShared(call, "columns", call.in[sumRows::kX].shape[1], kColumns);
}

}  // namespace

const Kernel kBroadcast = {
    .name = "cpu.broadcast", .launch = runBroadcast, .describe = describeBroadcast};
const Kernel kSumRows = {.name = "cpu.sumRows", .launch = runSumRows, .describe = describeSumRows};

}  // namespace sluice::cpu
