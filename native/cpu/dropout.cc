// Dropout. The random numbers are those of rowRandom() (engine/core/random.h), here several blocks
// at a time: a lane of 64 bits is one Philox block's word, of which the low half counts.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/dropout.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "cpu/loop-inl.h"
#include "engine/core/random.h"

#ifndef SLUICE_CPU_DROPOUT_ROW
#define SLUICE_CPU_DROPOUT_ROW
namespace sluice::cpu {

struct DropoutRow {
  uint64_t key, step, row;
  int32_t threshold;  // kept where the upper 24 bits reach it
  float scale;
};

}  // namespace sluice::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace sluice::cpu::HWY_NAMESPACE {

// Blocks first .. first + 3 of a row and so on while whole vectors of them fit into n elements;
// returns how many elements are done. A row has fewer than 2^34 elements.
int64_t DropVectors(const DropoutRow& row, const float* x, float* y, int64_t n) {
#if HWY_TARGET == HWY_SCALAR
  (void)row, (void)x, (void)y, (void)n;
  return 0;
#else
  const hn::ScalableTag<uint64_t> d64;
  const hn::Repartition<uint32_t, decltype(d64)> d32;
  const hn::RebindToSigned<decltype(d32)> di;
  const hn::RebindToFloat<decltype(d32)> df;
  const int64_t blocks = LanesOf(d64);
  const auto m0 = hn::Set(d32, 0xD2511F53u), m1 = hn::Set(d32, 0xCD9E8D57u);
  const auto low = hn::Set(d64, 0xFFFFFFFFull);
  const auto below = hn::Set(di, row.threshold - 1);
  const auto scale = hn::Set(df, row.scale);
  const auto counter3 = hn::Set(d64, static_cast<uint32_t>((row.row >> 32) << 16 ^ row.step >> 32));
  // The words of neighbouring lanes are woven together at the end; this order of blocks makes the
  // result lie in the order of the elements.
  HWY_ALIGN uint64_t order[HWY_MAX_BYTES / sizeof(uint64_t)];
  for (int64_t i = 0; i < blocks; ++i) {
    order[i] = static_cast<uint64_t>(i / 2 + (i % 2) * (blocks / 2));
  }
  auto block = hn::Load(d64, order);
  int64_t e = 0;
  for (; e + 4 * blocks <= n; e += 4 * blocks) {
    auto c0 = block, c1 = hn::Set(d64, row.row), c2 = hn::Set(d64, row.step), c3 = counter3;
    uint32_t k0 = static_cast<uint32_t>(row.key), k1 = static_cast<uint32_t>(row.key >> 32);
    for (int round = 0; round < 10; ++round) {
      const auto p0 = hn::MulEven(hn::BitCast(d32, c0), m0);
      const auto p1 = hn::MulEven(hn::BitCast(d32, c2), m1);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d64, k0));
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d64, k1));
      c1 = p1;
      c3 = p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    const auto words01 = hn::Or(hn::And(c0, low), hn::ShiftLeft<32>(c1));
    const auto words23 = hn::Or(hn::And(c2, low), hn::ShiftLeft<32>(c3));
    const auto drop = [&](auto words, int64_t at) HWY_ATTR {
      const auto bits = hn::BitCast(di, hn::ShiftRight<8>(hn::BitCast(d32, words)));
      const auto kept = hn::RebindMask(df, hn::Gt(bits, below));
      hn::StoreU(hn::IfThenElseZero(kept, hn::Mul(hn::LoadU(df, x + at), scale)), df, y + at);
    };
    drop(hn::InterleaveLower(d64, words01, words23), e);
    drop(hn::InterleaveUpper(d64, words01, words23), e + 2 * blocks);
    block = hn::Add(block, hn::Set(d64, static_cast<uint64_t>(blocks)));
  }
  return e;
#endif
}

}  // namespace sluice::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cmath>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
HWY_EXPORT(DropVectors);
namespace {

void dropRow(const DropoutRow& row, const float* x, float* y, int64_t n) {
  int64_t e = HWY_DYNAMIC_DISPATCH(DropVectors)(row, x, y, n);
  for (; e < n; e += 4) {
    const RandomBlock random = rowRandom(row.key, row.step, row.row, static_cast<uint64_t>(e / 4));
    for (int64_t i = 0; i < std::min<int64_t>(4, n - e); ++i) {
      const auto bits = static_cast<int32_t>(random[static_cast<size_t>(i)] >> 8);
      y[e + i] = bits >= row.threshold ? x[e + i] * row.scale : 0.0f;
    }
  }
}

int64_t grainOf(int64_t width) { return std::max<int64_t>(1, kCostlyGrain / width); }

int32_t run(const OpCall& call) noexcept {
  const auto& attr = call.attr<DropoutAttributes>();
  const RunContext& context = *call.context;
  const Shape& shape = call.out[dropout::kY].shape;
  const int64_t rows = shape[0], width = rows ? shape.elements() / rows : 0;
  if (width == 0) return 0;
  const float* x = input(call, dropout::kX);
  float* y = output(call, dropout::kY);
  DropoutRow common{};
  common.key = randomKey(context.seed, attr.stream);
  common.step = context.step;
  common.threshold = static_cast<int32_t>(std::ceil(attr.rate * 0x1p24));
  common.scale = attr.unscaled ? 1.0f : static_cast<float>(1 / (1 - attr.rate));
  parallelFor(context.threads, rows, grainOf(width), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      DropoutRow row = common;
      row.row = static_cast<uint64_t>((attr.ofWeights ? 0 : context.rowOffset) + b);
      float* to = y + b * width;
      if (!x) std::fill_n(to, width, 1.0f);
      dropRow(row, x ? x + b * width : to, to, width);
    }
  });
  return 0;
}

KernelChoice describe(const OpCall& call) noexcept {
  const Shape& shape = call.out[dropout::kY].shape;
  const int64_t rows = shape[0], width = rows ? shape.elements() / rows : 0;
  return describeShared(call, "rows", rows, grainOf(std::max<int64_t>(width, 1)));
}

}  // namespace

const Kernel kDropout = {.name = "cpu.dropout", .launch = run, .describe = describe};

}  // namespace sluice::cpu
#endif  // HWY_ONCE
