// Attention: products by heads, whose right factors are packed one by one, and weights from scores.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/attention.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <limits>

#include "cpu/loop-inl.h"
#include "cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

// Folds of(a, b) over of(in[i]...): lane by lane, then the lanes. `none` changes nothing.
template <class D, class Fold, class Of, class... In>
HWY_INLINE float FoldRange(D d, int64_t n, float none, const Fold& fold, const Of& of,
                           const In*... in) {
  const int64_t lanes = LanesOf(d);
  auto sum = hn::Set(d, none);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = fold(sum, of(hn::LoadU(d, in + i)...));
  HWY_ALIGN float parts[HWY_MAX_BYTES / sizeof(float)];
  if (i < n) {
    const auto rest = of(LoadPart(d, in + i, n - i, 0.0f)...);
    const auto isThere = hn::FirstN(d, static_cast<size_t>(n - i));
    sum = fold(sum, hn::IfThenElse(isThere, rest, hn::Set(d, none)));
  }
  hn::Store(sum, d, parts);
  for (int64_t lane = 1; lane < lanes; ++lane)
    parts[0] = hn::GetLane(fold(hn::Set(d, parts[0]), hn::Set(d, parts[lane])));
  return parts[0];
}

// One row: the softmax of factor * scores over its first `n` positions of `width`, but those that
// the mask hides.
void WeightsRow(const float* scores, const uint8_t* mask, float factor, int64_t n, int64_t width,
                float* y) {
  const Floats d;
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const auto factors = hn::Set(d, factor);
  Transform(
      d, n, y, [&](auto x) HWY_ATTR { return hn::Mul(x, factors); }, scores);
  for (int64_t v = 0; mask && v < n; ++v)
    if (!mask[v]) y[v] = kNone;
  const auto same = [](auto x) HWY_ATTR { return x; };
  const auto larger = [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); };
  const float largest = FoldRange(d, n, kNone, larger, same, y);
  std::memset(y + n, 0, static_cast<size_t>(width - n) * sizeof(float));
  if (largest == kNone) {
    std::memset(y, 0, static_cast<size_t>(n) * sizeof(float));
    return;
  }
  const auto most = hn::Set(d, largest);
  Transform(
      d, n, y, [&](auto x) HWY_ATTR { return Exp(d, hn::Sub(x, most)); }, y);
  const auto plus = [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); };
  const auto sum = hn::Set(d, FoldRange(d, n, 0.0f, plus, same, y));
  Transform(
      d, n, y, [&](auto x) HWY_ATTR { return hn::Div(x, sum); }, y);
}

// One row; answers the sum of dScores * scores, divided by the factor.
float WeightsRowBackward(const float* scores, const float* y, const float* dy, float factor,
                         int64_t n, float* dScores) {
  const Floats d;
  const auto plus = [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); };
  const auto times = [](auto a, auto b) HWY_ATTR { return hn::Mul(a, b); };
  const auto mean = hn::Set(d, FoldRange(d, n, 0.0f, plus, times, y, dy));
  const auto slope = [&](auto w, auto g) HWY_ATTR { return hn::Mul(w, hn::Sub(g, mean)); };
  const float sum = FoldRange(
      d, n, 0.0f, plus, [&](auto w, auto g, auto s) HWY_ATTR { return hn::Mul(slope(w, g), s); }, y,
      dy, scores);
  const auto factors = hn::Set(d, factor);
  Transform(
      d, n, dScores, [&](auto w, auto g) HWY_ATTR { return hn::Mul(factors, slope(w, g)); }, y, dy);
  return sum;
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/pack.h"
#include "cpu/parallel.h"
#include "cpu/speed.h"

namespace sluice::cpu {
HWY_EXPORT(WeightsRow);
HWY_EXPORT(WeightsRowBackward);
namespace {

// The matrices of a value, one for each row of the batch and each head, as they lie.
struct Matrices {
  Matrices(const TensorView& value, int64_t heads)
      : data(value.as<float>()), heads(heads), apart(value.shape.rank == 4) {
    rows = value.shape[apart ? 2 : 1];
    columns = apart ? value.shape[3] : value.shape[2] / heads;
  }
  float* of(int64_t matrix) const {
    if (apart) return data + matrix * rows * columns;
    return data + (matrix / heads * rows * heads + matrix % heads) * columns;
  }
  int64_t distance() const { return apart ? columns : heads * columns; }  // between rows

  float* data;
  int64_t heads;
  bool apart;
  int64_t rows = 0, columns = 0;
};

struct Products {
  explicit Products(const OpCall& call)
      : attributes(call.attr<HeadProductAttributes>()),
        a(call.in[headProduct::kA], attributes.heads),
        b(call.in[headProduct::kB], attributes.heads),
        c(call.out[headProduct::kC], attributes.heads),
        count(call.out[headProduct::kC].shape[0] * attributes.heads),
        inner(attributes.transposeA ? a.rows : a.columns),
        packed(roundUp(packedFloats(tileKernels().lanes, inner, c.columns), kMaxLanes)) {}

  double flop() const {
    return 2.0 * static_cast<double>(count) * static_cast<double>(c.rows) *
           static_cast<double>(c.columns) * static_cast<double>(inner);
  }
  int threads(const OpCall& call) const {
    // Below this many operations a thread is not worth its waking.
    constexpr double kWorthAThread = 1 << 20;
    const auto slots = static_cast<double>(scratchSlots(call, count));
    return static_cast<int>(std::min(slots, std::max(1.0, flop() / kWorthAThread)));
  }

  const HeadProductAttributes& attributes;
  Matrices a, b, c;
  int64_t count, inner;
  int64_t packed;  // floats of a packed b
};

size_t productScratch(const OpCall& call) noexcept {
  const Products p(call);
  return static_cast<size_t>(scratchSlots(call, p.count) * p.packed) * sizeof(float);
}

int32_t product(const OpCall& call) noexcept {
  const Products p(call);
  const bool transposeA = p.attributes.transposeA, transposeB = p.attributes.transposeB;
  const FloatingPointMode mode;
  parallelRegion(p.threads(call), [&](int thread, int threads) {
    float* packed = static_cast<float*>(call.scratch) + thread * p.packed;
    const Range part = partOf(p.count, 1, thread, threads);
    for (int64_t i = part.begin; i < part.end; ++i) {
      packMatrix(tileKernels().lanes, p.inner, p.c.columns, p.b.of(i),
                 transposeB ? 1 : p.b.distance(), transposeB ? p.b.distance() : 1, packed);
      Product product;
      product.a = p.a.of(i);
      product.lda = transposeA ? 1 : p.a.distance();
      product.aStep = transposeA ? p.a.distance() : 1;
      product.b = packed;
      product.c = p.c.of(i);
      product.ldc = p.c.distance();
      product.rows = p.c.rows;
      product.k = p.inner;
      product.n = p.c.columns;
      multiply(product);
    }
  });
  return 0;
}

KernelChoice describeProduct(const OpCall& call) noexcept {
  const Products p(call);
  const int threads = p.threads(call);
  return {.split = "rows and heads",
          .threads = threads,
          .how = "own products",
          .flop = p.flop(),
          .seconds = productSeconds(p.c.rows, p.inner, p.c.columns) * static_cast<double>(p.count) /
                     threads};
}

// Rows of scores [B,N,Q,V].
struct Scores {
  explicit Scores(const Shape& shape)
      : rows(shape[0] * shape[1] * shape[2]),
        perBatchRow(shape[1] * shape[2]),
        queries(shape[2]),
        values(shape[3]) {}
  int64_t grain() const {
    return std::max<int64_t>(1, kCostlyGrain / std::max<int64_t>(1, values));
  }
  int64_t rows, perBatchRow, queries, values;
};

float factorOf(const OpCall& call, const float* scale) {
  const auto factor = static_cast<float>(call.attr<AttentionWeightsAttributes>().factor);
  return scale ? factor * *scale : factor;
}

int32_t weights(const OpCall& call) noexcept {
  using namespace attentionWeights;
  const Scores s(call.in[kScores].shape);
  const bool causal = call.attr<AttentionWeightsAttributes>().causal;
  const float factor = factorOf(call, input(call, kScale));
  const auto* mask = input<uint8_t>(call, kMask);
  const FloatingPointMode mode;
  parallelFor(call.context->threads, s.rows, s.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t seen = causal ? std::min(s.values, row % s.queries + 1) : s.values;
      HWY_DYNAMIC_DISPATCH(WeightsRow)
      (input(call, kScores) + row * s.values,
       mask ? mask + row / s.perBatchRow * s.values : nullptr, factor, seen, s.values,
       output(call, kY) + row * s.values);
    }
  });
  return 0;
}

size_t backwardScratch(const OpCall& call) noexcept {
  using namespace attentionWeightsBackward;
  if (!call.out[kDScale].present()) return 0;
  return static_cast<size_t>(Scores(call.in[kScores].shape).rows) * sizeof(float);
}

int32_t weightsBackward(const OpCall& call) noexcept {
  using namespace attentionWeightsBackward;
  const Scores s(call.in[kScores].shape);
  const float factor = factorOf(call, input(call, kScale));
  float* dScale = output(call, kDScale);
  float* sums = static_cast<float*>(call.scratch);
  const FloatingPointMode mode;
  parallelFor(call.context->threads, s.rows, s.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * s.values;
      const float sum = HWY_DYNAMIC_DISPATCH(WeightsRowBackward)(
          input(call, kScores) + at, input(call, kY) + at, input(call, kDy) + at, factor, s.values,
          output(call, kDScores) + at);
      if (dScale) sums[row] = sum;
    }
  });
  if (!dScale) return 0;
  double total = 0;
  for (int64_t row = 0; row < s.rows; ++row) total += static_cast<double>(sums[row]);
  *dScale = static_cast<float>(call.attr<AttentionWeightsAttributes>().factor * total);
  return 0;
}

KernelChoice describeWeights(const OpCall& call) noexcept {
  const Scores s(call.in[0].shape);
  return describeShared(call, "rows", s.rows, s.grain());
}

}  // namespace

const Kernel kHeadProduct = {.name = "cpu.headProduct",
                             .scratchBytes = productScratch,
                             .launch = product,
                             .describe = describeProduct};
const Kernel kAttentionWeights = {
    .name = "cpu.attentionWeights", .launch = weights, .describe = describeWeights};
const Kernel kAttentionWeightsBackward = {.name = "cpu.attentionWeightsBackward",
                                          .scratchBytes = backwardScratch,
                                          .launch = weightsBackward,
                                          .describe = describeWeights};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
