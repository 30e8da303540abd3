// StepMask: which steps hold anything but a value.
#include "cuda/groups.h"
#include "cuda/kernels.h"
#include "engine/backend/arguments.h"

namespace sluice::cuda {
namespace {

struct Any {
  int32_t value = 0;
  __device__ void merge(const Any& other) { value |= other.value; }
};

template <typename T>
int32_t run(const OpCall& call) noexcept {
  using namespace stepMask;
  const auto* x = input<T>(call, kX);
  const auto* given = input<uint8_t>(call, kMask);
  auto* y = output<uint8_t>(call, kY);
  const auto value = static_cast<T>(call.attr<StepMaskAttributes>().value);
  const int64_t steps = call.out[kY].shape.elements();
  const int64_t n = steps > 0 ? call.in[kX].shape.elements() / steps : 0;
  return forEachGroup(call, Groups(steps, n, false),
                      [=] __device__(const Team& team, int64_t step, int64_t members) {
                        Any differs;
                        for (int64_t i = team.lane(); i < members; i += team.lanes())
                          if (x[step * n + i] != value) differs.value = 1;
                        differs = team.merged(differs);
                        if (step < steps && team.lane() == 0)
                          y[step] = (!given || given[step]) && differs.value ? 1 : 0;
                      });
}

int32_t runStepMask(const OpCall& call) noexcept {
  return call.in[stepMask::kX].dtype == DType::Int32 ? run<int32_t>(call) : run<float>(call);
}

}  // namespace

Kernel stepMaskKernel() { return {.name = "cuda.stepMask", .launch = runStepMask}; }

}  // namespace sluice::cuda
