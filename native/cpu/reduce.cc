// Reduce and its backward. The result's elements are shared out: of each the elements that make it
// are met in the same order, whoever does it. What lies side by side is taken together: along an
// axis that is reduced as one run, along one that stays as columns.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/loss_math.h"
#include "cpu/parallel.h"
#include "engine/backend/axes.h"

namespace sluice::cpu {
namespace {

constexpr int64_t kColumns = 256;

// What becomes of the elements [at, at + n) of x, all of which count, which belong to the columns
// from `column` on, or with `across` to that one.
struct Stretch {
  int64_t at, n, column;
  bool across;
  int64_t columnOf(int64_t i) const { return across ? column : column + i; }
};

class Geometry {
 public:
  Geometry(const OpCall& call, const Shape& x, const uint8_t* mask)
      : kept_(someAxes(x, call.attr<ReduceAttributes>().axes, false)),
        gone_(someAxes(x, call.attr<ReduceAttributes>().axes, true)),
        mask_(mask),
        perStep_(perStep(x)),
        across_(gone_.run() > 1),
        columns_(across_ ? 1 : std::min(kColumns, kept_.run())) {}

  int64_t results() const { return kept_.count; }
  // Columns that are done together: they lie side by side and end where a run of them does.
  int64_t blockAt(int64_t i, int64_t end) const {
    const int64_t run = across_ ? 1 : kept_.run();
    return std::min({end - i, columns_, run - i % run});
  }
  int64_t grain() const {
    const int64_t least = kCheapGrain / std::max<int64_t>(1, gone_.count);
    return std::max<int64_t>(1, (least + columns_ - 1) / columns_) * columns_;
  }

  // take(stretch) for what counts of results [i, i + columns), skip(at, n) for the rest.
  template <typename Take, typename Skip>
  void each(int64_t i, int64_t columns, Take&& take, Skip&& skip) const {
    const int64_t start = kept_.at(i);
    const int64_t width = across_ ? gone_.run() : columns;
    const int64_t lines = across_ ? gone_.count / width : gone_.count;
    for (int64_t line = 0; line < lines; ++line) {
      const int64_t from = start + gone_.at(across_ ? line * width : line);
      for (int64_t k = 0; k < width;) {
        const int64_t at = from + k;
        const int64_t n = mask_ ? std::min(width - k, perStep_ - at % perStep_) : width - k;
        if (!mask_ || mask_[at / perStep_])
          take(Stretch{at, n, across_ ? 0 : k, across_});
        else
          skip(at, n);
        k += n;
      }
    }
  }

 private:
  Axes kept_, gone_;
  const uint8_t* mask_;
  int64_t perStep_;
  bool across_;
  int64_t columns_;
};

void nothing(int64_t, int64_t) {}

// How many elements make each of a block's results.
void countUp(const Geometry& g, int64_t i, int64_t columns, int64_t* counts) {
  std::fill_n(counts, columns, 0);
  g.each(
      i, columns,
      [&](const Stretch& s) {
        if (s.across)
          counts[s.column] += s.n;
        else
          for (int64_t k = 0; k < s.n; ++k) ++counts[s.column + k];
      },
      nothing);
}

void addUp(const Geometry& g, const float* x, int64_t i, int64_t columns, double* sums) {
  std::fill_n(sums, columns, 0.0);
  g.each(
      i, columns,
      [&](const Stretch& s) {
        if (s.across)
          sums[s.column] += sumOf(x + s.at, s.n);
        else
          for (int64_t k = 0; k < s.n; ++k) sums[s.column + k] += static_cast<double>(x[s.at + k]);
      },
      nothing);
}

// The largest, or smallest, of each; NaN wins. Of nothing: the worst there is.
void findBest(const Geometry& g, const float* x, bool smallest, int64_t i, int64_t columns,
              float* best) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::fill_n(best, columns, smallest ? kInfinity : -kInfinity);
  g.each(
      i, columns,
      [&](const Stretch& s) {
        for (int64_t k = 0; k < s.n; ++k) {
          float& at = best[s.columnOf(k)];
          const float v = x[s.at + k];
          if ((smallest ? v < at : v > at) || std::isnan(v)) at = std::isnan(at) ? at : v;
        }
      },
      nothing);
}

int32_t runReduce(const OpCall& call) noexcept {
  const float* x = input(call, reduce::kX);
  float* y = output(call, reduce::kY);
  const Reduction reduction = call.attr<ReduceAttributes>().reduction;
  const Geometry g(call, call.in[reduce::kX].shape, input<uint8_t>(call, reduce::kMask));
  const auto block = [&](int64_t i, int64_t columns, float* to) {
    double sums[kColumns];
    int64_t counts[kColumns];
    const bool isSum = reduction == Reduction::Sum;
    if (!isSum) countUp(g, i, columns, counts);
    if (isSum || reduction == Reduction::Mean) {
      addUp(g, x, i, columns, sums);
      for (int64_t k = 0; k < columns; ++k)
        to[k] = static_cast<float>(isSum            ? sums[k]
                                   : counts[k] == 0 ? 0
                                                    : sums[k] / static_cast<double>(counts[k]));
      return;
    }
    findBest(g, x, reduction == Reduction::Min, i, columns, to);
    if (reduction == Reduction::LogSumExp) {
      std::fill_n(sums, columns, 0.0);
      g.each(
          i, columns,
          [&](const Stretch& s) {
            for (int64_t k = 0; k < s.n; ++k)
              sums[s.columnOf(k)] += static_cast<double>(std::exp(x[s.at + k] - to[s.columnOf(k)]));
          },
          nothing);
      for (int64_t k = 0; k < columns; ++k)
        if (!std::isinf(to[k])) to[k] += static_cast<float>(std::log(sums[k]));
    }
    for (int64_t k = 0; k < columns; ++k)
      if (counts[k] == 0) to[k] = 0;
  };
  parallelFor(call.context->threads, g.results(), g.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const int64_t columns = g.blockAt(i, end);
      block(i, columns, y + i);
      i += columns;
    }
  });
  return 0;
}

int32_t runReduceBackward(const OpCall& call) noexcept {
  using namespace reduceBackward;
  const float *x = input(call, kX), *y = input(call, kY), *dy = input(call, kDy);
  float* dx = output(call, kDx);
  const Reduction reduction = call.attr<ReduceAttributes>().reduction;
  const Geometry g(call, call.out[kDx].shape, input<uint8_t>(call, kMask));
  const auto zero = [&](int64_t at, int64_t n) { std::fill_n(dx + at, n, 0.0f); };
  const auto block = [&](int64_t i, int64_t columns) {
    float gradients[kColumns];
    std::copy_n(dy + i, columns, gradients);
    if (reduction == Reduction::Mean) {
      int64_t counts[kColumns];
      countUp(g, i, columns, counts);
      for (int64_t k = 0; k < columns; ++k)
        gradients[k] = dy[i + k] / static_cast<float>(std::max<int64_t>(1, counts[k]));
    }
    bool taken[kColumns] = {};
    g.each(
        i, columns,
        [&](const Stretch& s) {
          for (int64_t k = 0; k < s.n; ++k) {
            const int64_t c = s.columnOf(k), at = s.at + k;
            if (reduction == Reduction::Sum || reduction == Reduction::Mean) {
              dx[at] = gradients[c];
            } else if (reduction == Reduction::LogSumExp) {
              const float to = y[i + c];
              dx[at] = std::isinf(to) && to < 0 ? 0.0f : gradients[c] * std::exp(x[at] - to);
            } else {
              const bool wins = !taken[c] && (x[at] == y[i + c] || std::isnan(x[at]));
              dx[at] = wins ? gradients[c] : 0.0f;
              taken[c] = taken[c] || wins;
            }
          }
        },
        zero);
  };
  parallelFor(call.context->threads, g.results(), g.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const int64_t columns = g.blockAt(i, end);
      block(i, columns);
      i += columns;
    }
  });
  return 0;
}

KernelChoice describeReduce(const OpCall& call) noexcept {
  const bool forward = call.op == Op::Reduce;
  const Geometry g(call, forward ? call.in[reduce::kX].shape : call.out[0].shape, nullptr);
  return describeShared(call, "results", g.results(), g.grain());
}

}  // namespace

const Kernel kReduce = {.name = "cpu.reduce", .launch = runReduce, .describe = describeReduce};
const Kernel kReduceBackward = {
    .name = "cpu.reduceBackward", .launch = runReduceBackward, .describe = describeReduce};

}  // namespace sluice::cpu
