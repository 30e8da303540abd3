// Every kernel of the CPU backend, by the op it runs; on the right the file that defines it.
#pragma once

#include "engine/backend/backend.h"

namespace sluice::cpu {

extern const Kernel kDense, kDenseBackward;                                // dense.cc
extern const Kernel kActivation, kActivationBackward;                      // activation.cc
extern const Kernel kGru, kLstm, kSimpleRnn;                               // recurrent_forward.cc
extern const Kernel kGruBackward, kLstmBackward, kSimpleRnnBackward;       // recurrent_backward.cc
extern const Kernel kMinGru, kMinGruBackward;                              // min_gru.cc
extern const Kernel kConvolution, kConvolutionBackward;                    // convolution.cc
extern const Kernel kDepthwiseConvolution, kDepthwiseConvolutionBackward;  // depthwise.cc
extern const Kernel kPooling, kPoolingBackward;                            // pooling.cc
extern const Kernel kHeadProduct;                                          // attention.cc
extern const Kernel kAttentionWeights, kAttentionWeightsBackward;
extern const Kernel kAdditiveScores, kAdditiveScoresBackward;             // additive_scores.cc
extern const Kernel kReverse, kConcat, kSplit, kMaskSteps;                // layout.cc
extern const Kernel kMerge, kMergeBackward, kMaskAnd, kAdd, kScaleSteps;  // elementwise.cc
extern const Kernel kNormalize, kNormalizeBackward;
extern const Kernel kElementwise, kElementwiseBackward;  // broadcast.cc
extern const Kernel kReduce, kReduceBackward;            // reduce.cc
extern const Kernel kSlice, kSliceBackward;              // slice.cc
extern const Kernel kStepMask;                           // mask.cc
extern const Kernel kEmbedding, kEmbeddingBackward;      // embedding.cc
extern const Kernel kPermute, kRepeat, kRepeatBackward;  // permute.cc
extern const Kernel kSoftmax, kSoftmaxBackward;          // softmax.cc
extern const Kernel kLayerNorm, kLayerNormBackward;      // row_norm.cc
extern const Kernel kUnitLength, kUnitLengthBackward;
extern const Kernel kMoments, kBatchNorm, kBatchNormBackward, kMovingAverage;  // batch_norm.cc
extern const Kernel kDropout;                                                  // dropout.cc
extern const Kernel kLoss;                                                     // loss.cc
extern const Kernel kMetric;                                                   // metric.cc
extern const Kernel kOptimize;                                                 // optimizer.cc
extern const Kernel kBroadcast, kSumRows;                                      // rows.cc
extern const Kernel kPenalty;                                                  // penalty.cc
extern const Kernel kConstrain;                                                // constrain.cc

}  // namespace sluice::cpu
