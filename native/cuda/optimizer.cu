// All parameters in one pass. Where gradients are clipped by norms, or a step with gradients that
// are not finite is to be left out, two small kernels go before it: sums of squares by pieces, then
// what each segment's gradients are multiplied with.
#include "cuda/device/team.h"
#include "cuda/device/update.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

// A block takes so many elements, in the pieces that segments cut out of them. Piece (block,
// segment) has the number block + segment, which no other has, as segments stand in order.
constexpr int kBlock = 4096;
static_assert(kThreads == kTeamThreads);

struct Segments {
  const ParameterSegment* data;
  int64_t count;

  // The first one that ends behind an element.
  __device__ int64_t behind(int64_t element) const {
    int64_t first = 0, last = count;
    while (first < last) {
      const int64_t middle = (first + last) / 2;
      if (data[middle].offset + data[middle].length <= element)
        first = middle + 1;
      else
        last = middle;
    }
    return first;
  }
};

// In scratch memory.
struct Norms {
  double* factors = nullptr;  // of each segment
  double* squares = nullptr;  // of each piece
  int32_t* broken = nullptr;  // of each block: whether a gradient is not finite
};

struct Job {
  UpdateRule rule;
  const OptimizerStep* step;
  Segments segments;
  UpdateArrays arrays;
  int64_t n;
  Norms norms;  // no factors: nothing is clipped by norms
  double clipNorm, clipVariableNorm;
  int32_t* skipped;
  const double* guard;
  int64_t guards;
};

__global__ void __launch_bounds__(kThreads) squaresKernel(const __grid_constant__ Job job) {
  __shared__ __align__(16) unsigned char shared[kThreads * sizeof(double)];
  const Team block({.allWarps = true}, shared);
  const auto scale = static_cast<float>(job.step->gradientScale);
  const int64_t begin = int64_t{blockIdx.x} * kBlock;
  const int64_t end = begin + kBlock < job.n ? begin + kBlock : job.n;
  int broken = 0;
  for (int64_t s = job.segments.behind(begin); s < job.segments.count; ++s) {
    const ParameterSegment segment = job.segments.data[s];
    if (segment.offset >= end) break;
    if (!segment.trainable || segment.length == 0) continue;
    const int64_t from = segment.offset > begin ? segment.offset : begin;
    const int64_t to =
        segment.offset + segment.length < end ? segment.offset + segment.length : end;
    Sum<double> sum;
    for (int64_t i = from + threadIdx.x; i < to; i += kThreads) {
      const float g = job.arrays.g[i] * scale;
      broken |= !isFinite(g);
      const auto limited = static_cast<double>(limitedTo(job.rule.limit, g));
      sum.value += limited * limited;
    }
    sum = block.merged(sum);
    if (threadIdx.x == 0) job.norms.squares[blockIdx.x + s] = sum.value;
  }
  broken = __syncthreads_or(broken);
  if (threadIdx.x == 0) job.norms.broken[blockIdx.x] = broken;
}

// min(1, limit / norm); a NaN stays one.
__device__ double clipFactor(double limit, double norm) {
  return limit <= 0 || norm <= limit ? 1 : limit / norm;
}

// One block; a warp adds up a segment.
__global__ void __launch_bounds__(kThreads)
    factorsKernel(const __grid_constant__ Job job, int64_t blocks) {
  __shared__ __align__(16) unsigned char shared[kThreads * sizeof(double)];
  const Team warp({}, shared), block({.allWarps = true}, shared);
  double* factors = job.norms.factors;
  double* total = job.norms.factors + job.segments.count;  // of each segment, clipped, squared
  for (int64_t s = warp.group(); s < job.segments.count; s += kTeamWarps) {
    const ParameterSegment segment = job.segments.data[s];
    const bool counts = segment.trainable && segment.length > 0;
    const int64_t first = segment.offset / kBlock;
    const int64_t last = counts ? (segment.offset + segment.length - 1) / kBlock : first - 1;
    const double squares = sumOf(warp, last + 1 - first, [&](int64_t block) {
      return job.norms.squares[first + block + s];
    });
    const double factor = counts ? clipFactor(job.clipVariableNorm, sqrt(squares)) : 1;
    if (warp.lane() != 0) continue;
    factors[s] = factor;
    total[s] = factor * factor * squares;
  }
  int broken = 0;
  for (int64_t i = threadIdx.x; i < blocks; i += kThreads) broken |= job.norms.broken[i];
  broken = __syncthreads_or(broken);
  const double all = sumOf(block, job.segments.count, [&](int64_t s) { return total[s]; });
  if (threadIdx.x == 0 && job.skipped) *job.skipped = broken;
  const double global = clipFactor(job.clipNorm, sqrt(all));
  for (int64_t s = threadIdx.x; s < job.segments.count; s += kThreads) factors[s] *= global;
}

__device__ bool allFinite(const double* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (!isfinite(values[i])) return false;
  return true;
}

__global__ void __launch_bounds__(kThreads) updateKernel(const __grid_constant__ Job job) {
  __shared__ int64_t firstSegment;
  __shared__ UpdateNumbers numbers;
  __shared__ bool skip;
  const int64_t begin = int64_t{blockIdx.x} * kBlock;
  const int64_t end = begin + kBlock < job.n ? begin + kBlock : job.n;
  if (threadIdx.x == 0) {
    firstSegment = job.segments.behind(begin);
    numbers = UpdateNumbers(job.rule, *job.step);
    skip = (job.skipped && *job.skipped) || !allFinite(job.guard, job.guards);
  }
  __syncthreads();
  const UpdateNumbers own = numbers;
  int64_t s = firstSegment;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    while (s < job.segments.count && job.segments.data[s].offset + job.segments.data[s].length <= i)
      ++s;
    if (s == job.segments.count) return;
    if (i < job.segments.data[s].offset) continue;  // padding
    if (skip || !job.segments.data[s].trainable) {
      job.arrays.updated[i] = job.arrays.w[i];
      continue;
    }
    const float factor = job.norms.factors ? static_cast<float>(job.norms.factors[s]) : 1.0f;
    update(job.rule, own, job.arrays, i, factor);
  }
}

bool hasNorms(const OpCall& call) {
  const auto& a = call.attr<OptimizerAttributes>();
  return a.clipNorm > 0 || a.clipVariableNorm > 0 || call.out[optimize::kSkipped].present();
}
int64_t blocksOf(const OpCall& call) {
  return divideUp(call.in[optimize::kParameters].shape.elements(), kBlock);
}

int32_t run(const OpCall& call) noexcept {
  using namespace optimize;
  const auto& a = call.attr<OptimizerAttributes>();
  Job job{.rule = UpdateRule(a),
          .step = a.stepOnDevice,
          .segments = {a.segmentsOnDevice, a.segmentCount},
          .arrays = {input(call, kParameters), input(call, kGradients), output(call, kUpdated),
                     output(call, kSlot0), output(call, kSlot1)},
          .n = call.in[kParameters].shape.elements(),
          .norms = {},
          .clipNorm = a.clipNorm,
          .clipVariableNorm = a.clipVariableNorm,
          .skipped = output<int32_t>(call, kSkipped),
          .guard = input<double>(call, kGuard),
          .guards = call.in[kGuard].shape.elements()};
  const int64_t blocks = blocksOf(call);
  const Grid each{dim3(static_cast<unsigned>(blocks)), dim3(kThreads)};
  if (hasNorms(call)) {
    job.norms.factors = static_cast<double*>(call.scratch);
    job.norms.squares = job.norms.factors + 2 * a.segmentCount;
    job.norms.broken = reinterpret_cast<int32_t*>(job.norms.squares + blocks + a.segmentCount);
    if (const int32_t status = launch(call, squaresKernel, each, job)) return status;
    if (const int32_t status = launch(call, factorsKernel, {dim3(1), dim3(kThreads)}, job, blocks))
      return status;
  }
  return launch(call, updateKernel, each, job);
}

size_t scratchBytes(const OpCall& call) noexcept {
  if (!hasNorms(call)) return 0;
  const int64_t blocks = blocksOf(call);
  const int64_t count = call.attr<OptimizerAttributes>().segmentCount;
  return static_cast<size_t>(blocks + 3 * count) * sizeof(double) +
         static_cast<size_t>(blocks) * sizeof(int32_t);
}

}  // namespace

Kernel optimizeKernel() {
  return {.name = "cuda.optimize", .scratchBytes = scratchBytes, .launch = run};
}

}  // namespace sluice::cuda
