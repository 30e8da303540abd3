// The kernels of the reference backend, one function an op, instantiated for float and double.
#pragma once

#include "engine/backend/arguments.h"
#include "engine/backend/backend.h"

namespace sluice::reference {

template <typename Real>
Kernel denseKernel();
template <typename Real>
Kernel denseBackwardKernel();
template <typename Real>
Kernel activationKernel();
template <typename Real>
Kernel activationBackwardKernel();
template <typename Real>
Kernel gruKernel();
template <typename Real>
Kernel gruBackwardKernel();
template <typename Real>
Kernel lstmKernel();
template <typename Real>
Kernel lstmBackwardKernel();
template <typename Real>
Kernel simpleRnnKernel();
template <typename Real>
Kernel simpleRnnBackwardKernel();
template <typename Real>
Kernel minGruKernel();
template <typename Real>
Kernel minGruBackwardKernel();
template <typename Real>
Kernel convolutionKernel();
template <typename Real>
Kernel convolutionBackwardKernel();
template <typename Real>
Kernel depthwiseConvolutionKernel();
template <typename Real>
Kernel depthwiseConvolutionBackwardKernel();
template <typename Real>
Kernel poolingKernel();
template <typename Real>
Kernel poolingBackwardKernel();
template <typename Real>
Kernel headProductKernel();
template <typename Real>
Kernel attentionWeightsKernel();
template <typename Real>
Kernel attentionWeightsBackwardKernel();
template <typename Real>
Kernel additiveScoresKernel();
template <typename Real>
Kernel additiveScoresBackwardKernel();
template <typename Real>
Kernel mergeKernel();
template <typename Real>
Kernel mergeBackwardKernel();
template <typename Real>
Kernel elementwiseKernel();
template <typename Real>
Kernel elementwiseBackwardKernel();
template <typename Real>
Kernel reduceKernel();
template <typename Real>
Kernel reduceBackwardKernel();
template <typename Real>
Kernel dropoutKernel();
template <typename Real>
Kernel scaleStepsKernel();
template <typename Real>
Kernel normalizeKernel();
template <typename Real>
Kernel normalizeBackwardKernel();
template <typename Real>
Kernel stepMaskKernel();
template <typename Real>
Kernel embeddingKernel();
template <typename Real>
Kernel embeddingBackwardKernel();
template <typename Real>
Kernel repeatKernel();
template <typename Real>
Kernel repeatBackwardKernel();
template <typename Real>
Kernel softmaxKernel();
template <typename Real>
Kernel softmaxBackwardKernel();
template <typename Real>
Kernel unitLengthKernel();
template <typename Real>
Kernel unitLengthBackwardKernel();
template <typename Real>
Kernel layerNormKernel();
template <typename Real>
Kernel layerNormBackwardKernel();
template <typename Real>
Kernel momentsKernel();
template <typename Real>
Kernel batchNormKernel();
template <typename Real>
Kernel batchNormBackwardKernel();
template <typename Real>
Kernel movingAverageKernel();
template <typename Real>
Kernel addKernel();
template <typename Real>
Kernel broadcastKernel();
template <typename Real>
Kernel sumRowsKernel();
template <typename Real>
Kernel lossKernel();
template <typename Real>
Kernel metricKernel();
template <typename Real>
Kernel penaltyKernel();
template <typename Real>
Kernel optimizeKernel();
template <typename Real>
Kernel constrainKernel();
// These move elements of any dtype.
Kernel reverseKernel();
Kernel concatKernel();
Kernel splitKernel();
Kernel maskStepsKernel();
Kernel maskAndKernel();
Kernel permuteKernel();
Kernel sliceKernel();
Kernel sliceBackwardKernel();

}  // namespace sluice::reference
