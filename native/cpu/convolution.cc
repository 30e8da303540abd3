// Convolution as products of matrices: windows, gathered block by block into scratch memory, times
// the kernel; and its gradients.
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/blas.h"
#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/pack.h"
#include "cpu/parallel.h"
#include "cpu/speed.h"
#include "cpu/sums.h"
#include "cpu/windows.h"

namespace sluice::cpu {
namespace {

size_t bytes(int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); }

struct Extents : ConvolutionExtents {
  using ConvolutionExtents::ConvolutionExtents;

  // Windows of a block: as many as stay in the second-level cache beside their products.
  int64_t block() const {
    return std::clamp<int64_t>((1 << 16) / std::max<int64_t>(floats, 1), 64, 192);
  }
  int64_t blockFloats() const { return roundUp(block() * floats, kMaxLanes); }
  int64_t blocks() const { return (count + block() - 1) / block(); }
};

// Below this many operations a thread is not worth its waking.
constexpr double kWorthAThread = 1 << 20;

int threadsFor(const OpCall& call, const Extents& e, int64_t pieces) {
  const double useful = std::max(1.0, e.flop() / kWorthAThread);
  const int64_t slots = scratchSlots(call, pieces);
  return static_cast<int>(std::min(static_cast<double>(slots), useful));
}

// Packed for forward: the bias, padded to vectors, then the kernel.
size_t packedBytes(const OpCall& call) noexcept {
  const Extents e(call);
  return bytes(packedFloats(tileKernels().lanes, e.floats + 1, e.filters));
}
void pack(const OpCall& call, void* packed) noexcept {
  const Extents e(call);
  const int64_t lanes = tileKernels().lanes, padded = roundUp(e.filters, lanes);
  float* start = static_cast<float*>(packed);
  std::fill_n(start, padded, 0.0f);
  if (const float* bias = input(call, convolution::kBias)) std::copy_n(bias, e.filters, start);
  packMatrix(lanes, e.floats, e.filters, input(call, convolution::kKernel), e.filters, 1,
             start + padded);
}

size_t forwardScratch(const OpCall& call) noexcept {
  const Extents e(call);
  return bytes(scratchSlots(call, e.blocks()) * e.blockFloats());
}

// The last positions of what stood before and x.
void keepLast(const Windows& n, const float* x, const float* before, float* after) {
  const int64_t left = n.w.before * n.channels, floats = n.w.in * n.channels;
  const int64_t old = std::max<int64_t>(0, left - floats);
  for (int64_t b = 0; b < n.rows; ++b) {
    std::copy_n(before + (b + 1) * left - old, old, after + b * left);
    std::copy_n(x + (b + 1) * floats - (left - old), left - old, after + b * left + old);
  }
}

int32_t forward(const OpCall& call) noexcept {
  using namespace convolution;
  const Extents e(call);
  const float *x = input(call, kX), *before = input(call, kBefore);
  const float* start = static_cast<const float*>(call.packed);
  float *y = output(call, kY), *scratch = static_cast<float*>(call.scratch);
  const FloatingPointMode mode;
  parallelRegion(threadsFor(call, e, e.blocks()), [&](int thread, int threads) {
    float* windows = scratch + thread * e.blockFloats();
    const Range part = partOf(e.count, e.block(), thread, threads);
    for (int64_t first = part.begin; first < part.end; first += e.block()) {
      Product product;
      product.rows = std::min(e.block(), part.end - first);
      gatherWindows(e.windows, x, before, first, product.rows, windows);
      product.a = windows;
      product.lda = product.k = e.floats;
      product.b = start + roundUp(e.filters, tileKernels().lanes);
      product.c = y + first * e.filters;
      product.ldc = product.n = e.filters;
      product.start = start;
      multiply(product);
    }
  });
  if (float* after = output(call, kAfter)) keepLast(e.windows, x, before, after);
  return 0;
}

// What it takes with these threads, each block being a product of its own.
double secondsOf(const Extents& e, int64_t k, int64_t n, int threads) {
  const int64_t rows = std::min(e.block(), e.count);
  if (rows == 0) return 0;
  return productSeconds(rows, k, n) * static_cast<double>(e.count) /
         static_cast<double>(rows * threads);
}

KernelChoice describe(const OpCall& call) noexcept {
  const Extents e(call);
  const int threads = threadsFor(call, e, e.blocks());
  return {.split = "windows",
          .threads = threads,
          .how = "own products",
          .flop = e.flop(),
          .seconds = secondsOf(e, e.floats, e.filters, threads)};
}

// Packed for backward: the transposed kernel.
size_t packedBackwardBytes(const OpCall& call) noexcept {
  const Extents e(call);
  return bytes(packedFloats(tileKernels().lanes, e.filters, e.floats));
}
void packBackward(const OpCall& call, void* packed) noexcept {
  const Extents e(call);
  packMatrix(tileKernels().lanes, e.filters, e.floats, input(call, convolutionBackward::kKernel), 1,
             e.filters, static_cast<float*>(packed));
}

// The gradient of the kernel is a sum over all windows. It goes in parts, each of a range of blocks
// of windows and of columns, whose edges follow from the shape alone, because BLAS gives other bits
// for other cuts; then the parts are added in their order.
struct KernelParts {
  static constexpr int64_t kMostGroups = 8;
  static constexpr int64_t kMostFloats = int64_t{1} << 20;
  static constexpr int64_t kColumns = 256;

  explicit KernelParts(const Extents& e)
      : block(std::clamp<int64_t>((1 << 14) / std::max<int64_t>(e.floats, 1), 64, 256)),
        blocks((e.count + block - 1) / block),
        floats(e.floats * e.filters),
        groups(std::max<int64_t>(
            1, std::min({kMostGroups, blocks, kMostFloats / std::max<int64_t>(1, floats)}))),
        across(roundUp(e.filters, kColumns) / kColumns),
        blockFloats(roundUp(block * e.floats, kMaxLanes)) {}

  int64_t tasks() const { return groups * across; }

  int64_t block, blocks;  // windows of one, and their number
  int64_t floats;         // of the kernel
  int64_t groups, across;
  int64_t blockFloats;
};

size_t backwardScratch(const OpCall& call) noexcept {
  const Extents e(call);
  int64_t floats = 0;
  if (call.out[convolutionBackward::kDx].present())
    floats = scratchSlots(call, e.windows.rows) * e.blockFloats();
  if (call.out[convolutionBackward::kDKernel].present()) {
    const KernelParts parts(e);
    const int64_t sums = parts.groups > 1 ? roundUp(parts.groups * parts.floats, kMaxLanes) : 0;
    floats = std::max(floats, scratchSlots(call, parts.tasks()) * parts.blockFloats + sums);
  }
  return bytes(floats);
}

// Each row of the batch by itself, so that no two threads add to the same place.
void inputGradient(const OpCall& call, const Extents& e, const float* dy, float* dx) {
  const int64_t perRow = e.windows.windows(), floats = e.windows.positions() * e.windows.channels;
  parallelRegion(threadsFor(call, e, e.windows.rows), [&](int thread, int threads) {
    float* windows = static_cast<float*>(call.scratch) + thread * e.blockFloats();
    const Range rows = partOf(e.windows.rows, 1, thread, threads);
    std::fill_n(dx + rows.begin * floats, (rows.end - rows.begin) * floats, 0.0f);
    for (int64_t first = rows.begin * perRow; first < rows.end * perRow; first += e.block()) {
      Product product;
      product.rows = std::min(e.block(), rows.end * perRow - first);
      product.a = dy + first * e.filters;
      product.lda = product.k = e.filters;
      product.b = static_cast<const float*>(call.packed);
      product.c = windows;
      product.ldc = product.n = e.floats;
      multiply(product);
      scatterWindows(e.windows, windows, first, product.rows, dx);
    }
  });
}

void kernelGradient(const OpCall& call, const Extents& e, const float* x, const float* dy,
                    float* dKernel) {
  const KernelParts parts(e);
  if (e.count == 0) {
    std::fill_n(dKernel, parts.floats, 0.0f);
    return;
  }
  float* scratch = static_cast<float*>(call.scratch);
  float* sums =
      parts.groups > 1 ? scratch + scratchSlots(call, parts.tasks()) * parts.blockFloats : dKernel;
  const int useful = threadsFor(call, e, parts.tasks());
  parallelRegion(useful, [&](int thread, int threads) {
    float* windows = scratch + thread * parts.blockFloats;
    const Range tasks = partOf(parts.tasks(), 1, thread, threads);
    for (int64_t task = tasks.begin; task < tasks.end; ++task) {
      const int64_t group = task / parts.across;
      const int64_t column = task % parts.across * KernelParts::kColumns;
      float* to = sums + group * parts.floats + column;
      const int64_t firstBlock = parts.blocks * group / parts.groups;
      const int64_t lastBlock = parts.blocks * (group + 1) / parts.groups;
      for (int64_t block = firstBlock; block < lastBlock; ++block) {
        const int64_t first = block * parts.block;
        const int64_t count = std::min(parts.block, e.count - first);
        gatherWindows(e.windows, x, nullptr, first, count, windows);
        blas::sgemm(blas::Transpose::Yes, blas::Transpose::No, e.floats,
                    std::min(KernelParts::kColumns, e.filters - column), count, windows, e.floats,
                    dy + first * e.filters + column, e.filters, block == firstBlock ? 0.0f : 1.0f,
                    to, e.filters);
      }
    }
  });
  if (parts.groups == 1) return;
  parallelFor(useful, parts.floats, kCheapGrain, [&](int64_t begin, int64_t end) {
    std::copy(sums + begin, sums + end, dKernel + begin);
    for (int64_t group = 1; group < parts.groups; ++group) {
      const float* part = sums + group * parts.floats;
      for (int64_t i = begin; i < end; ++i) dKernel[i] += part[i];
    }
  });
}

int32_t backward(const OpCall& call) noexcept {
  using namespace convolutionBackward;
  const Extents e(call);
  const float* dy = input(call, kDy);
  const FloatingPointMode mode;
  if (float* dx = output(call, kDx)) inputGradient(call, e, dy, dx);
  if (float* dKernel = output(call, kDKernel))
    kernelGradient(call, e, input(call, kX), dy, dKernel);
  if (float* dBias = output(call, kDBias))
    columnSums(call.context->threads, e.count, e.filters, dy, dBias);
  return 0;
}

KernelChoice describeBackward(const OpCall& call) noexcept {
  const Extents e(call);
  KernelChoice choice;
  if (call.out[convolutionBackward::kDx].present()) {
    const int threads = threadsFor(call, e, e.windows.rows);
    choice = {.split = "rows",
              .threads = threads,
              .how = "own products",
              .flop = e.flop(),
              .seconds = secondsOf(e, e.filters, e.floats, threads)};
  }
  if (call.out[convolutionBackward::kDKernel].present()) {
    const bool both = choice.flop > 0;
    const int threads = threadsFor(call, e, KernelParts(e).tasks());
    choice.split = both ? "rows, then groups of windows" : "groups of windows";
    choice.how = both ? "own products, weight gradients by BLAS" : "weight gradients by BLAS";
    choice.threads = std::max(choice.threads, threads);
    choice.flop += e.flop();
    choice.seconds += e.flop() / (blasSpeed() * threads);
  }
  return choice;
}

}  // namespace

const Kernel kConvolution = {.name = "cpu.convolution",
                             .scratchBytes = forwardScratch,
                             .packedBytes = packedBytes,
                             .pack = pack,
                             .launch = forward,
                             .describe = describe};
const Kernel kConvolutionBackward = {.name = "cpu.convolutionBackward",
                                     .scratchBytes = backwardScratch,
                                     .packedBytes = packedBackwardBytes,
                                     .pack = packBackward,
                                     .launch = backward,
                                     .describe = describeBackward};

}  // namespace sluice::cpu
