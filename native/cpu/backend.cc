#include "cpu/cpu.h"

#include "cpu/blas.h"
#include "cpu/kernels.h"
#include "cpu/target.h"
#include "engine/core/error.h"

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
  set(Op::Lstm, cpu::kLstm);
  set(Op::LstmBackward, cpu::kLstmBackward);
  set(Op::SimpleRnn, cpu::kSimpleRnn);
  set(Op::SimpleRnnBackward, cpu::kSimpleRnnBackward);
  set(Op::MinGru, cpu::kMinGru);
  set(Op::MinGruBackward, cpu::kMinGruBackward);
  set(Op::Convolution, cpu::kConvolution);
  set(Op::ConvolutionBackward, cpu::kConvolutionBackward);
  set(Op::DepthwiseConvolution, cpu::kDepthwiseConvolution);
  set(Op::DepthwiseConvolutionBackward, cpu::kDepthwiseConvolutionBackward);
  set(Op::Pooling, cpu::kPooling);
  set(Op::PoolingBackward, cpu::kPoolingBackward);
  set(Op::HeadProduct, cpu::kHeadProduct);
  set(Op::AttentionWeights, cpu::kAttentionWeights);
  set(Op::AttentionWeightsBackward, cpu::kAttentionWeightsBackward);
  set(Op::AdditiveScores, cpu::kAdditiveScores);
  set(Op::AdditiveScoresBackward, cpu::kAdditiveScoresBackward);
  set(Op::Reverse, cpu::kReverse);
  set(Op::Concat, cpu::kConcat);
  set(Op::Split, cpu::kSplit);
  set(Op::Merge, cpu::kMerge);
  set(Op::MergeBackward, cpu::kMergeBackward);
  set(Op::Elementwise, cpu::kElementwise);
  set(Op::ElementwiseBackward, cpu::kElementwiseBackward);
  set(Op::Reduce, cpu::kReduce);
  set(Op::ReduceBackward, cpu::kReduceBackward);
  set(Op::Slice, cpu::kSlice);
  set(Op::SliceBackward, cpu::kSliceBackward);
  set(Op::Dropout, cpu::kDropout);
  set(Op::ScaleSteps, cpu::kScaleSteps);
  set(Op::Normalize, cpu::kNormalize);
  set(Op::NormalizeBackward, cpu::kNormalizeBackward);
  set(Op::MaskAnd, cpu::kMaskAnd);
  set(Op::MaskSteps, cpu::kMaskSteps);
  set(Op::StepMask, cpu::kStepMask);
  set(Op::Embedding, cpu::kEmbedding);
  set(Op::EmbeddingBackward, cpu::kEmbeddingBackward);
  set(Op::Permute, cpu::kPermute);
  set(Op::Repeat, cpu::kRepeat);
  set(Op::RepeatBackward, cpu::kRepeatBackward);
  set(Op::Softmax, cpu::kSoftmax);
  set(Op::SoftmaxBackward, cpu::kSoftmaxBackward);
  set(Op::UnitLength, cpu::kUnitLength);
  set(Op::UnitLengthBackward, cpu::kUnitLengthBackward);
  set(Op::LayerNorm, cpu::kLayerNorm);
  set(Op::LayerNormBackward, cpu::kLayerNormBackward);
  set(Op::Moments, cpu::kMoments);
  set(Op::BatchNorm, cpu::kBatchNorm);
  set(Op::BatchNormBackward, cpu::kBatchNormBackward);
  set(Op::MovingAverage, cpu::kMovingAverage);
  set(Op::Add, cpu::kAdd);
  set(Op::Broadcast, cpu::kBroadcast);
  set(Op::SumRows, cpu::kSumRows);
  set(Op::Loss, cpu::kLoss);
  set(Op::Metric, cpu::kMetric);
  set(Op::Penalty, cpu::kPenalty);
  set(Op::Optimize, cpu::kOptimize);
  set(Op::Constrain, cpu::kConstrain);
  return table;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend() : kernels_(float32Kernels()) {
    const cpu::Targets& targets = cpu::targets();
    description_ = cat(targets.inUse, targets.forced ? " (forced by SLUICE_TARGET), " : ", ",
                       cpu::blas::description());
  }
  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  const std::string& target() const override { return cpu::targets().inUse; }
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
  const cpu::Targets& targets = cpu::targets();
  return {.target = targets.inUse,
          .forced = targets.forced,
          .targets = targets.here,
          .unused = targets.unused,
          .blas = cpu::blas::info()};
}

void requireCpuTarget() {
  if (const auto& failure = cpu::targets().failure) throw *failure;
}

std::unique_ptr<Backend> makeCpuBackend() {
  requireCpuTarget();
  if (const char* reason = cpu::blas::whyNotUsable())
    fail(Code::DeviceUnavailable,
         cat("the CPU backend cannot run: ", reason, " (", cpu::blas::description(), ")"),
         {.option = "device", .received = "cpu"});
  cpu::blas::useOneThread();
  return std::make_unique<CpuBackend>();
}

}  // namespace sluice
