#include "reference/reference.h"

#include "reference/kernels.h"

namespace sluice {
namespace {

template <typename Real>
KernelTable makeTable() {
  using namespace reference;
  KernelTable table{};
  const auto set = [&](Op op, const Kernel& kernel) { table[static_cast<size_t>(op)] = kernel; };
  set(Op::Dense, denseKernel<Real>());
  set(Op::DenseBackward, denseBackwardKernel<Real>());
  set(Op::Activation, activationKernel<Real>());
  set(Op::ActivationBackward, activationBackwardKernel<Real>());
  set(Op::Gru, gruKernel<Real>());
  set(Op::GruBackward, gruBackwardKernel<Real>());
  set(Op::Lstm, lstmKernel<Real>());
  set(Op::LstmBackward, lstmBackwardKernel<Real>());
  set(Op::SimpleRnn, simpleRnnKernel<Real>());
  set(Op::SimpleRnnBackward, simpleRnnBackwardKernel<Real>());
  set(Op::MinGru, minGruKernel<Real>());
  set(Op::MinGruBackward, minGruBackwardKernel<Real>());
  set(Op::Convolution, convolutionKernel<Real>());
  set(Op::ConvolutionBackward, convolutionBackwardKernel<Real>());
  set(Op::DepthwiseConvolution, depthwiseConvolutionKernel<Real>());
  set(Op::DepthwiseConvolutionBackward, depthwiseConvolutionBackwardKernel<Real>());
  set(Op::Pooling, poolingKernel<Real>());
  set(Op::PoolingBackward, poolingBackwardKernel<Real>());
  set(Op::HeadProduct, headProductKernel<Real>());
  set(Op::AttentionWeights, attentionWeightsKernel<Real>());
  set(Op::AttentionWeightsBackward, attentionWeightsBackwardKernel<Real>());
  set(Op::AdditiveScores, additiveScoresKernel<Real>());
  set(Op::AdditiveScoresBackward, additiveScoresBackwardKernel<Real>());
  set(Op::Reverse, reverseKernel());
  set(Op::Concat, concatKernel());
  set(Op::Split, splitKernel());
  set(Op::Merge, mergeKernel<Real>());
  set(Op::MergeBackward, mergeBackwardKernel<Real>());
  set(Op::Elementwise, elementwiseKernel<Real>());
  set(Op::ElementwiseBackward, elementwiseBackwardKernel<Real>());
  set(Op::Reduce, reduceKernel<Real>());
  set(Op::ReduceBackward, reduceBackwardKernel<Real>());
  set(Op::Slice, sliceKernel());
  set(Op::SliceBackward, sliceBackwardKernel());
  set(Op::Dropout, dropoutKernel<Real>());
  set(Op::ScaleSteps, scaleStepsKernel<Real>());
  set(Op::Normalize, normalizeKernel<Real>());
  set(Op::NormalizeBackward, normalizeBackwardKernel<Real>());
  set(Op::MaskAnd, maskAndKernel());
  set(Op::MaskSteps, maskStepsKernel());
  set(Op::StepMask, stepMaskKernel<Real>());
  set(Op::Embedding, embeddingKernel<Real>());
  set(Op::EmbeddingBackward, embeddingBackwardKernel<Real>());
  set(Op::Permute, permuteKernel());
  set(Op::Repeat, repeatKernel<Real>());
  set(Op::RepeatBackward, repeatBackwardKernel<Real>());
  set(Op::Softmax, softmaxKernel<Real>());
  set(Op::SoftmaxBackward, softmaxBackwardKernel<Real>());
  set(Op::UnitLength, unitLengthKernel<Real>());
  set(Op::UnitLengthBackward, unitLengthBackwardKernel<Real>());
  set(Op::LayerNorm, layerNormKernel<Real>());
  set(Op::LayerNormBackward, layerNormBackwardKernel<Real>());
  set(Op::Moments, momentsKernel<Real>());
  set(Op::BatchNorm, batchNormKernel<Real>());
  set(Op::BatchNormBackward, batchNormBackwardKernel<Real>());
  set(Op::MovingAverage, movingAverageKernel<Real>());
  set(Op::Add, addKernel<Real>());
  set(Op::Broadcast, broadcastKernel<Real>());
  set(Op::SumRows, sumRowsKernel<Real>());
  set(Op::Loss, lossKernel<Real>());
  set(Op::Metric, metricKernel<Real>());
  set(Op::Penalty, penaltyKernel<Real>());
  set(Op::Optimize, optimizeKernel<Real>());
  set(Op::Constrain, constrainKernel<Real>());
  return table;
}

class ReferenceBackend final : public Backend {
 public:
  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  const std::string& target() const override { return target_; }
  const KernelTable* kernels(DType real) const override {
    return real == DType::Float32 ? &float_ : real == DType::Float64 ? &double_ : nullptr;
  }

 private:
  std::string name_ = "reference";
  std::string description_ = "scalar loops, float32 and float64";
  std::string target_ = "baseline";
  KernelTable float_ = makeTable<float>();
  KernelTable double_ = makeTable<double>();
};

}  // namespace

std::unique_ptr<Backend> makeReferenceBackend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace sluice
