#include "cuda/table.h"

#include <cstring>

#include "cuda/kernels.h"

namespace sluice::cuda {

const Kernel* kernelNamed(const char* op) noexcept {
  struct Entry {
    const char* op;
    Kernel kernel;
  };
  static const Entry kTable[] = {
      {"dense", denseKernel()},
      {"denseBackward", denseBackwardKernel()},
      {"activation", activationKernel()},
      {"activationBackward", activationBackwardKernel()},
      {"gru", gruKernel()},
      {"gruBackward", gruBackwardKernel()},
      {"lstm", lstmKernel()},
      {"lstmBackward", lstmBackwardKernel()},
      {"simpleRnn", simpleRnnKernel()},
      {"simpleRnnBackward", simpleRnnBackwardKernel()},
      {"minGru", minGruKernel()},
      {"minGruBackward", minGruBackwardKernel()},
      {"convolution", convolutionKernel()},
      {"convolutionBackward", convolutionBackwardKernel()},
      {"depthwiseConvolution", depthwiseConvolutionKernel()},
      {"depthwiseConvolutionBackward", depthwiseConvolutionBackwardKernel()},
      {"pooling", poolingKernel()},
      {"poolingBackward", poolingBackwardKernel()},
      {"headProduct", headProductKernel()},
      {"attentionWeights", attentionWeightsKernel()},
      {"attentionWeightsBackward", attentionWeightsBackwardKernel()},
      {"additiveScores", additiveScoresKernel()},
      {"additiveScoresBackward", additiveScoresBackwardKernel()},
      {"reverse", reverseKernel()},
      {"concat", concatKernel()},
      {"split", splitKernel()},
      {"merge", mergeKernel()},
      {"mergeBackward", mergeBackwardKernel()},
      {"elementwise", elementwiseKernel()},
      {"elementwiseBackward", elementwiseBackwardKernel()},
      {"reduce", reduceKernel()},
      {"reduceBackward", reduceBackwardKernel()},
      {"slice", sliceKernel()},
      {"sliceBackward", sliceBackwardKernel()},
      {"dropout", dropoutKernel()},
      {"scaleSteps", scaleStepsKernel()},
      {"normalize", normalizeKernel()},
      {"normalizeBackward", normalizeBackwardKernel()},
      {"maskAnd", maskAndKernel()},
      {"maskSteps", maskStepsKernel()},
      {"stepMask", stepMaskKernel()},
      {"embedding", embeddingKernel()},
      {"embeddingBackward", embeddingBackwardKernel()},
      {"permute", permuteKernel()},
      {"repeat", repeatKernel()},
      {"repeatBackward", repeatBackwardKernel()},
      {"softmax", softmaxKernel()},
      {"softmaxBackward", softmaxBackwardKernel()},
      {"unitLength", unitLengthKernel()},
      {"unitLengthBackward", unitLengthBackwardKernel()},
      {"layerNorm", layerNormKernel()},
      {"layerNormBackward", layerNormBackwardKernel()},
      {"moments", momentsKernel()},
      {"batchNorm", batchNormKernel()},
      {"batchNormBackward", batchNormBackwardKernel()},
      {"movingAverage", movingAverageKernel()},
      {"add", addKernel()},
      {"broadcast", broadcastKernel()},
      {"sumRows", sumRowsKernel()},
      {"loss", lossKernel()},
      {"metric", metricKernel()},
      {"penalty", penaltyKernel()},
      {"optimize", optimizeKernel()},
      {"constrain", constrainKernel()},
  };
  for (const Entry& entry : kTable)
    if (std::strcmp(entry.op, op) == 0) return &entry.kernel;
  return nullptr;
}

}  // namespace sluice::cuda
