// The kernels of the backend: one function an op, defined in the file of that op. table.cc names
// them all.
#pragma once

#include "engine/backend/kernel.h"

namespace sluice::cuda {

Kernel denseKernel();
Kernel denseBackwardKernel();
Kernel activationKernel();
Kernel activationBackwardKernel();
Kernel gruKernel();
Kernel gruBackwardKernel();
Kernel lstmKernel();
Kernel lstmBackwardKernel();
Kernel simpleRnnKernel();
Kernel simpleRnnBackwardKernel();
Kernel minGruKernel();
Kernel minGruBackwardKernel();
Kernel convolutionKernel();
Kernel convolutionBackwardKernel();
Kernel depthwiseConvolutionKernel();
Kernel depthwiseConvolutionBackwardKernel();
Kernel poolingKernel();
Kernel poolingBackwardKernel();
Kernel headProductKernel();
Kernel attentionWeightsKernel();
Kernel attentionWeightsBackwardKernel();
Kernel additiveScoresKernel();
Kernel additiveScoresBackwardKernel();
Kernel reverseKernel();
Kernel concatKernel();
Kernel splitKernel();
Kernel mergeKernel();
Kernel mergeBackwardKernel();
Kernel elementwiseKernel();
Kernel elementwiseBackwardKernel();
Kernel reduceKernel();
Kernel reduceBackwardKernel();
Kernel sliceKernel();
Kernel sliceBackwardKernel();
Kernel dropoutKernel();
Kernel scaleStepsKernel();
Kernel normalizeKernel();
Kernel normalizeBackwardKernel();
Kernel maskAndKernel();
Kernel maskStepsKernel();
Kernel stepMaskKernel();
Kernel embeddingKernel();
Kernel embeddingBackwardKernel();
Kernel permuteKernel();
Kernel repeatKernel();
Kernel repeatBackwardKernel();
Kernel softmaxKernel();
Kernel softmaxBackwardKernel();
Kernel unitLengthKernel();
Kernel unitLengthBackwardKernel();
Kernel layerNormKernel();
Kernel layerNormBackwardKernel();
Kernel momentsKernel();
Kernel batchNormKernel();
Kernel batchNormBackwardKernel();
Kernel movingAverageKernel();
Kernel addKernel();
Kernel broadcastKernel();
Kernel sumRowsKernel();
Kernel lossKernel();
Kernel metricKernel();
Kernel penaltyKernel();
Kernel optimizeKernel();
Kernel constrainKernel();

}  // namespace sluice::cuda
