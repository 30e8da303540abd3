// Embedding: rows of a table by number, and their gradients added up.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/embedding.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// table[ids[i]] += dy[i] for each i in order; `n` columns of rows that are `stride` apart.
void ScatterAdd(const int32_t* ids, int64_t count, const float* dy, float* table, int64_t stride,
                int64_t n) {
  const hn::ScalableTag<float> d;
  for (int64_t i = 0; i < count; ++i) {
    float* to = table + ids[i] * stride;
    Transform(
        d, n, to, [](auto u, auto v) HWY_ATTR { return hn::Add(u, v); }, to, dy + i * stride);
  }
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
HWY_EXPORT(ScatterAdd);
namespace {

int64_t rowGrain(const OpCall& call) {
  return std::max<int64_t>(
      1, kCheapGrain / std::max<int64_t>(1, call.in[embedding::kTable].shape.last()));
}

int32_t forward(const OpCall& call) noexcept {
  using namespace embedding;
  const auto* ids = input<int32_t>(call, kIds);
  const float* table = input(call, kTable);
  float* y = output(call, kY);
  const int64_t D = call.in[kTable].shape.last();
  parallelFor(call.context->threads, call.in[kIds].shape.elements(), rowGrain(call),
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) std::copy_n(table + ids[i] * D, D, y + i * D);
              });
  return 0;
}

// Threads share out columns, so that each sum is made by one of them, in the order of the ids.
// Whole cache lines each.
constexpr int64_t kColumns = 16;

int threadsFor(const OpCall& call) {
  const int64_t work = call.in[embeddingBackward::kDy].shape.elements() +
                       call.out[embeddingBackward::kDTable].shape.elements();
  return static_cast<int>(std::clamp<int64_t>(work / kCheapGrain, 1, call.context->threads));
}

int32_t backward(const OpCall& call) noexcept {
  using namespace embeddingBackward;
  const auto* ids = input<int32_t>(call, kIds);
  const float* dy = input(call, kDy);
  float* dTable = output(call, kDTable);
  const int64_t count = call.in[kIds].shape.elements();
  const int64_t N = call.out[kDTable].shape[0], D = call.out[kDTable].shape.last();
  parallelFor(threadsFor(call), D, kColumns, [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin;
    for (int64_t row = 0; row < N; ++row) std::fill_n(dTable + row * D + begin, n, 0.0f);
    HWY_DYNAMIC_DISPATCH(ScatterAdd)(ids, count, dy + begin, dTable + begin, D, n);
  });
  return 0;
}

KernelChoice describeForward(const OpCall& call) noexcept {
  return describeShared(call, "rows", call.in[embedding::kIds].shape.elements(), rowGrain(call));
}
KernelChoice describeBackward(const OpCall& call) noexcept {
  KernelChoice choice =
      describeShared(call, "columns", call.out[embeddingBackward::kDTable].shape.last(), kColumns);
  choice.threads = std::min<int32_t>(choice.threads, threadsFor(call));
  return choice;
}

}  // namespace

const Kernel kEmbedding = {.name = "cpu.embedding", .launch = forward, .describe = describeForward};
const Kernel kEmbeddingBackward = {
    .name = "cpu.embeddingBackward", .launch = backward, .describe = describeBackward};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
