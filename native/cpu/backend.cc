#include "cpu/cpu.h"

#include "cpu/blas.h"
#include "cpu/kernels.h"
#include "cpu/simd.h"
#include "engine/core/error.h"
#include "hwy/highway.h"

namespace sluice {
namespace {

KernelTable float32Kernels() {
  KernelTable table{};
  const auto set = [&table](Op op, const Kernel& kernel) {
    table[static_cast<size_t>(op)] = kernel;
  };
  set(Op::Dense, cpu::kDense);
  set(Op::DenseBackward, cpu::kDenseBackward);
  set(Op::Activation, cpu::kActivation);
  set(Op::ActivationBackward, cpu::kActivationBackward);
  set(Op::Gru, cpu::kGru);
  set(Op::GruBackward, cpu::kGruBackward);
  set(Op::Reverse, cpu::kReverse);
  set(Op::Concat, cpu::kConcat);
  set(Op::Split, cpu::kSplit);
  set(Op::Merge, cpu::kMerge);
  set(Op::MergeBackward, cpu::kMergeBackward);
  set(Op::Dropout, cpu::kDropout);
  set(Op::Normalize, cpu::kNormalize);
  set(Op::NormalizeBackward, cpu::kNormalizeBackward);
  set(Op::MaskAnd, cpu::kMaskAnd);
  set(Op::MaskSteps, cpu::kMaskSteps);
  set(Op::Add, cpu::kAdd);
  set(Op::Loss, cpu::kLoss);
  set(Op::Metric, cpu::kMetric);
  set(Op::Optimize, cpu::kOptimize);
  return table;
}

// Highway numbers the best target lowest.
std::vector<std::string> targetNames(int64_t targets) {
  std::vector<std::string> names;
  for (; targets != 0; targets &= targets - 1) names.push_back(hwy::TargetName(targets & -targets));
  return names;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend() : kernels_(float32Kernels()) {
    description_ = cat(cpuInfo().target, ", ", cpu::blas::description());
  }
  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  const KernelTable* kernels(DType real) const override {
    return real == DType::Float32 ? &kernels_ : nullptr;
  }

 private:
  std::string name_ = "cpu";
  std::string description_;
  KernelTable kernels_;
};

}  // namespace

CpuInfo cpuInfo() {
  CpuInfo info;
  const int64_t here = hwy::SupportedTargets();
  info.targets = targetNames(here & HWY_TARGETS);
  info.unused = targetNames(here & ~HWY_TARGETS);
  info.target = info.targets.empty() ? "" : info.targets.front();
  info.blas = cpu::blas::info();
  return info;
}

std::unique_ptr<Backend> makeCpuBackend() {
  if (const char* reason = cpu::blas::whyNotUsable())
    fail(Code::DeviceUnavailable,
         cat("the CPU backend cannot run: ", reason, " (", cpu::blas::description(), ")"),
         {.option = "device", .received = "cpu"});
  cpu::blas::useOneThread();
  return std::make_unique<CpuBackend>();
}

}  // namespace sluice
