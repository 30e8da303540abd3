// What the machine can do at most: fused multiply-adds that touch no memory, a large sgemm, and the
// engine's innermost loop on operands that stay in the first cache.
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "peak.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Twelve chains, named one by one so that they stay in registers: more than latency times units of
// any processor asks for. The factors are not known to the compiler. Answers the number of flop.
double MultiplyAdd(int64_t turns, const float* factors, float* out) {
  const hn::ScalableTag<float> d;
  const auto a = hn::Set(d, factors[0]), b = hn::Set(d, factors[1]);
  auto c0 = hn::Set(d, 0.0f), c1 = hn::Set(d, 1.0f), c2 = hn::Set(d, 2.0f), c3 = hn::Set(d, 3.0f);
  auto c4 = hn::Set(d, 4.0f), c5 = hn::Set(d, 5.0f), c6 = hn::Set(d, 6.0f), c7 = hn::Set(d, 7.0f);
  auto c8 = hn::Set(d, 8.0f), c9 = hn::Set(d, 9.0f), cA = hn::Set(d, 10.0f), cB = hn::Set(d, 11.f);
  for (int64_t i = 0; i < turns; ++i) {
    c0 = hn::MulAdd(a, c0, b);
    c1 = hn::MulAdd(a, c1, b);
    c2 = hn::MulAdd(a, c2, b);
    c3 = hn::MulAdd(a, c3, b);
    c4 = hn::MulAdd(a, c4, b);
    c5 = hn::MulAdd(a, c5, b);
    c6 = hn::MulAdd(a, c6, b);
    c7 = hn::MulAdd(a, c7, b);
    c8 = hn::MulAdd(a, c8, b);
    c9 = hn::MulAdd(a, c9, b);
    cA = hn::MulAdd(a, cA, b);
    cB = hn::MulAdd(a, cB, b);
  }
  const auto sum0 = hn::Add(hn::Add(hn::Add(c0, c1), hn::Add(c2, c3)), hn::Add(c4, c5));
  const auto sum1 = hn::Add(hn::Add(hn::Add(c6, c7), hn::Add(c8, c9)), hn::Add(cA, cB));
  *out = hn::GetLane(hn::Add(sum0, sum1));
  return static_cast<double>(turns) * 12 * 2 * static_cast<double>(hn::Lanes(d));
}

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <thread>

#include "call.h"
#include "cpu/blas.h"
#include "cpu/tile.h"
#include "data.h"
#include "work.h"

namespace bench {
HWY_EXPORT(MultiplyAdd);
namespace {

// body(thread) on each of `count` threads at once.
template <typename F>
void onThreads(int64_t count, const F& body) {
  std::vector<std::thread> others;
  for (int64_t i = 1; i < count; ++i) others.emplace_back([&body, i] { body(i); });
  body(0);
  for (std::thread& thread : others) thread.join();
}

std::string flopOf(double flop) { return "{\"flop\":" + std::to_string(flop) + "}"; }

}  // namespace

Work fusedMultiplyAdds(const Case& c) {
  const int64_t threads = c.number("threads");
  constexpr int64_t kTurns = 2'000'000;
  static const volatile float factors[] = {0.999f, 0.001f};
  const auto run = [] {
    const float known[] = {factors[0], factors[1]};
    float sum;
    const double flop = HWY_DYNAMIC_DISPATCH(MultiplyAdd)(kTurns, known, &sum);
    static thread_local volatile float sink;
    sink = sum;
    return flop;
  };
  return {[=] { onThreads(threads, [&](int64_t) { run(); }); }, [=] { return flopOf(run()); }};
}

Work sgemm(const Case& c) {
  namespace blas = sluice::cpu::blas;
  const int64_t threads = c.number("threads");
  constexpr int64_t kSize = 2048, kElements = kSize * kSize;
  blas::useOneThread();
  const auto a = std::make_shared<std::vector<float>>(values(kElements, 1, 1));
  const auto b = std::make_shared<std::vector<float>>(values(kElements, 2, 1));
  const auto products = std::make_shared<std::vector<float>>(threads * kElements);
  const auto run = [=] {
    onThreads(threads, [&](int64_t thread) {
      blas::sgemm(blas::Transpose::No, blas::Transpose::No, kSize, kSize, kSize, a->data(), kSize,
                  b->data(), kSize, 0, products->data() + thread * kElements, kSize);
    });
  };
  return {run, [] { return flopOf(2.0 * kSize * kElements); }};
}

Work registerTile(const Case& c) {
  using namespace sluice::cpu;
  const int64_t threads = c.number("threads");
  const TileKernels& kernels = tileKernels();
  const int64_t panel = kPanelVectors * kernels.lanes, rows = kernels.maxRows;
  const int64_t k = 24 * 1024 / static_cast<int64_t>(sizeof(float)) / panel;  // leaves room in L1
  constexpr int64_t kCalls = 20'000;
  const auto run = [=] {
    onThreads(threads, [&](int64_t) {
      const Buffer a(rows * k * sizeof(float)), b(k * panel * sizeof(float));
      const Buffer out(rows * panel * sizeof(float));
      TileArgs args;
      args.a = static_cast<const float*>(a.data());
      args.lda = k;
      args.aStep = 1;
      args.b = static_cast<const float*>(b.data());
      args.ldb = 0;
      args.bStep = panel;
      args.k = k;
      args.init = args.out = static_cast<float*>(out.data());
      args.ldInit = args.ldInit2 = args.ldOut = panel;
      args.init2 = args.init + 2 * kernels.lanes;
      for (int64_t i = 0; i < kCalls; ++i) kernels.rows[kPanelVectors - 1][rows - 1](args);
    });
  };
  return {run, [=] { return flopOf(2.0 * kCalls * static_cast<double>(rows * panel * k)); }};
}

}  // namespace bench
#endif
