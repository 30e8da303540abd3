// StepMask: which steps hold anything but a value. Most steps differ in their first value, so that
// plain loops that stop there are as fast as memory.
#include <algorithm>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

int64_t valuesAStep(const OpCall& call) {
  const int64_t steps = call.out[stepMask::kY].shape.elements();
  return steps > 0 ? call.in[stepMask::kX].shape.elements() / steps : 0;
}
int64_t grain(const OpCall& call) {
  return std::max<int64_t>(1, kCheapGrain / std::max<int64_t>(1, valuesAStep(call)));
}

template <typename T>
void run(const OpCall& call) {
  using namespace stepMask;
  const T* x = input<T>(call, kX);
  const auto value = static_cast<T>(call.attr<StepMaskAttributes>().value);
  const auto* given = input<uint8_t>(call, kMask);
  auto* y = output<uint8_t>(call, kY);
  const int64_t n = valuesAStep(call);
  const auto differs = [value](T v) { return v != value; };
  parallelFor(call.context->threads, call.out[kY].shape.elements(), grain(call),
              [&](int64_t begin, int64_t end) {
                for (int64_t at = begin; at < end; ++at) {
                  const T* step = x + at * n;
                  y[at] = (!given || given[at]) && std::any_of(step, step + n, differs) ? 1 : 0;
                }
              });
}

int32_t launch(const OpCall& call) noexcept {
  if (call.in[stepMask::kX].dtype == DType::Int32)
    run<int32_t>(call);
  else
    run<float>(call);
  return 0;
}

KernelChoice describe(const OpCall& call) noexcept {
  return describeShared(call, "steps", call.out[stepMask::kY].shape.elements(), grain(call));
}

}  // namespace

const Kernel kStepMask = {.name = "cpu.stepMask", .launch = launch, .describe = describe};

}  // namespace sluice::cpu
