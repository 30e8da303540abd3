// Times the CPU backend's GRU: training forward, backward with all gradients, both, and inference.
// Medians of repeated runs, in milliseconds, with the arithmetic of the matrix products alone.
//
//   gru_bench [threads ...]        default: 1 2
//   SLUICE_BENCH_TARGET=AVX2 gru_bench     on a lesser instruction set
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "cpu/cpu.h"
#include "cpu/simd.h"
#include "engine/core/error.h"
#include "engine/core/random.h"
#include "hwy/highway.h"

namespace sluice {
namespace {

struct Sizes {
  int64_t B, T, I, H;
};

// Memory of one call, aligned as the engine aligns it.
class Buffer {
 public:
  explicit Buffer(size_t bytes)
      : bytes_(bytes + 64), data_(::operator new (bytes_, std::align_val_t{64})) {
    std::memset(data_, 0, bytes_);
  }
  ~Buffer() { ::operator delete (data_, std::align_val_t{64}); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }

 private:
  size_t bytes_;
  void* data_;
};

class Call {
 public:
  Call(Op op, const GruAttributes& attributes, int threads) : kernel_(kernelOf(op)) {
    call_.op = op;
    call_.attributes = &attributes;
    context_.threads = threads;
    call_.context = &context_;
  }
  void add(std::vector<TensorView>& list, Shape shape, double scale, uint64_t seed) {
    TensorView view{nullptr, DType::Float32, shape};
    memory_.push_back(std::make_unique<Buffer>(view.bytes()));
    view.data = memory_.back()->data();
    RandomSequence random(seed, list.size());
    for (int64_t i = 0; scale != 0 && i < shape.elements(); ++i)
      view.as<float>()[i] = static_cast<float>(scale * (2 * random.uniform() - 1));
    list.push_back(view);
  }
  std::vector<TensorView> in, out;

  // Sizes what depends on the shapes, and packs.
  void prepare() {
    call_.in = in.data();
    call_.inCount = static_cast<int32_t>(in.size());
    call_.out = out.data();
    call_.outCount = static_cast<int32_t>(out.size());
    memory_.push_back(std::make_unique<Buffer>(kernel_.scratchBytes(call_)));
    call_.scratch = memory_.back()->data();
    memory_.push_back(std::make_unique<Buffer>(kernel_.packedBytes(call_)));
    packed_ = memory_.back()->data();
    call_.packed = packed_;
    pack();
  }
  void pack() { kernel_.pack(call_, packed_); }
  void run() { kernel_.launch(call_); }
  size_t reserveBytes() {
    call_.in = in.data();
    call_.out = out.data();
    return kernel_.reserveBytes(call_);
  }

 private:
  static const Kernel& kernelOf(Op op) {
    static const std::unique_ptr<Backend> backend = makeCpuBackend();
    return (*backend->kernels(DType::Float32))[static_cast<size_t>(op)];
  }
  const Kernel& kernel_;
  OpCall call_;
  RunContext context_;
  void* packed_ = nullptr;
  std::vector<std::unique_ptr<Buffer>> memory_;
};

double medianMs(const std::function<void()>& body) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  body();
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(700);
  while (times.size() < 5 || (Clock::now() < end && times.size() < 2000)) {
    const Clock::time_point start = Clock::now();
    body();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

void addForward(Call& call, const Sizes& s, bool training, bool resetAfter) {
  const double scale = 1 / std::sqrt(static_cast<double>(s.H));
  call.add(call.in, makeShape(s.B, s.T, s.I), 1, 1);
  call.add(call.in, makeShape(s.I, 3 * s.H), scale, 2);
  call.add(call.in, makeShape(s.H, 3 * s.H), scale, 3);
  call.add(call.in, resetAfter ? makeShape(2, 3 * s.H) : makeShape(3 * s.H), scale, 4);
  call.in.resize(gru::kInCount);
  call.add(call.out, makeShape(s.B, s.T, s.H), 0, 0);
  call.add(call.out, makeShape(s.B, s.H), 0, 0);
  call.out.resize(gru::kOutCount);
  if (!training) return;
  call.out.pop_back();
  call.out.push_back({nullptr, DType::Bool, makeShape(0)});
  const Shape reserve = makeShape(call.reserveBytes() / sizeof(float));
  call.out.pop_back();
  call.add(call.out, reserve, 0, 0);
}

void report(const Sizes& s, int threads, bool resetAfter = true) {
  GruAttributes attributes;
  attributes.resetAfter = resetAfter;
  attributes.activation.kind = ActivationKind::Tanh;
  attributes.recurrentActivation.kind = ActivationKind::Sigmoid;
  Call forward(Op::Gru, attributes, threads), inference(Op::Gru, attributes, threads);
  Call backward(Op::GruBackward, attributes, threads);
  addForward(forward, s, true, resetAfter);
  addForward(inference, s, false, resetAfter);
  backward.in = forward.in;
  backward.in.push_back(forward.out[gru::kReserve]);
  backward.add(backward.in, makeShape(s.B, s.T, s.H), 1, 5);
  backward.add(backward.in, makeShape(s.B, s.H), 1, 6);
  for (const int input : {gru::kX, gru::kKernel, gru::kRecurrentKernel, gru::kBias})
    backward.add(backward.out, forward.in[static_cast<size_t>(input)].shape, 0, 0);
  backward.add(backward.out, makeShape(s.B, s.H), 0, 0);
  for (Call* call : {&forward, &inference, &backward}) call->prepare();

  const double f = medianMs([&] { forward.run(); });
  const double b = medianMs([&] { backward.run(); });
  const double both = medianMs([&] {
    forward.pack();
    forward.run();
    backward.pack();
    backward.run();
  });
  const double i = medianMs([&] { inference.run(); });
  const double flop = 6.0 * static_cast<double>(s.B * s.T * s.H) * static_cast<double>(s.H + s.I);
  const auto rate = [](double flops, double ms) { return flops / ms * 1e-6; };
  std::printf(
      "B%-3lld T%-3lld I%-4lld H%-4lld %s threads %d | forward %8.3f ms %6.1f GFLOP/s | backward "
      "%8.3f ms "
      "%6.1f | both, packed %8.3f ms %6.1f | inference %8.4f ms %6.1f\n",
      static_cast<long long>(s.B), static_cast<long long>(s.T), static_cast<long long>(s.I),
      static_cast<long long>(s.H), resetAfter ? "reset after " : "reset before", threads, f,
      rate(flop, f), b, rate(2 * flop, b), both, rate(3 * flop, both), i, rate(flop, i));
  std::fflush(stdout);
}

void limitTarget(const char* name) {
  for (int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    if (std::strcmp(hwy::TargetName(target), name) == 0)
      return hwy::SetSupportedTargetsForTest(target);
  }
  fail(Code::InvalidArgument, cat("this machine has no target ", name));
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  using namespace sluice;
  if (const char* target = std::getenv("SLUICE_BENCH_TARGET")) limitTarget(target);
  std::vector<int> threads;
  for (int i = 1; i < argc; ++i) threads.push_back(std::atoi(argv[i]));
  if (threads.empty()) threads = {1, 2};
  std::printf("%s\n", makeCpuBackend()->description().c_str());
  for (const int count : threads) {
    for (const Sizes& sizes :
         {Sizes{32, 100, 10, 64}, Sizes{16, 64, 32, 128}, Sizes{64, 50, 128, 256},
          Sizes{64, 50, 512, 512}, Sizes{1, 100, 10, 64}, Sizes{1, 100, 128, 256}})
      report(sizes, count);
    for (const Sizes& sizes : {Sizes{32, 100, 10, 64}, Sizes{64, 50, 128, 256}})
      report(sizes, count, false);
    for (const int64_t size : {8, 16, 32, 64, 128, 256, 512}) report({1, 1, size, size}, count);
  }
}
