// The operations of layers around recurrent ones: their arguments, as op.h has them for the others.
#pragma once

#include <cstdint>

#include "engine/backend/op_arithmetic.h"
#include "engine/core/tensor.h"

namespace sluice {

// Which steps count: those that the given mask leaves and that hold anything but `value`. What x
// holds at a step that the given mask leaves out is not looked at. NaN differs from every value.
struct StepMaskAttributes {
  double value = 0;
};
namespace stepMask {
enum In { kX /*[B,T,...], real or Int32*/, kMask /*Bool [B,T], optional*/, kInCount };
enum Out { kY /*Bool [B,T]*/, kOutCount };
}  // namespace stepMask

// y = the rows of the table that the ids name. N rows of D; ids are from 0 to N-1: who runs the
// plan has looked.
namespace embedding {
enum In { kIds /*Int32 [...]*/, kTable /*[N,D]*/, kInCount };
enum Out { kY /*[...,D]*/, kOutCount };
}  // namespace embedding
// dTable[id] = the sum of the rows of dy where ids hold id, added in their order.
namespace embeddingBackward {
enum In { kIds, kDy /*[...,D]*/, kInCount };
enum Out { kDTable /*[N,D]*/, kOutCount };
}  // namespace embeddingBackward

// Axis i of y is axis axes[i] of x. Any dtype.
struct PermuteAttributes {
  int32_t axes[kMaxRank] = {};
};
namespace permute {
enum In { kX, kInCount };
enum Out { kY, kOutCount };
}  // namespace permute

// Each row of x, y's number of steps times; backward is their sum.
namespace repeat {
enum In { kX /*[B,...]*/, kInCount };
enum Out { kY /*[B,T,...]*/, kOutCount };
}  // namespace repeat
namespace repeatBackward {
enum In { kDy /*[B,T,...]*/, kInCount };
enum Out { kDx /*[B,...]*/, kOutCount };
}  // namespace repeatBackward

// y = e^x / sum(e^x) along an axis >= 1. With a mask, which goes with axis 1, masked steps are left
// out of the sum and are zero; where all are masked all are zero.
struct SoftmaxAttributes {
  int32_t axis = 1;
};
namespace softmax {
enum In { kX, kMask /*Bool [B,T], optional*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace softmax
// dx = y (dy - sum(y dy)); what dy holds at masked steps counts nothing.
namespace softmaxBackward {  // attributes: SoftmaxAttributes
enum In { kY, kDy, kMask, kInCount };
enum Out { kDx, kOutCount };
}  // namespace softmaxBackward

// y = x min(1 / |x|, 1 / epsilon), |x| over the last axis.
struct UnitLengthAttributes {
  double epsilon = 1e-7;
};
namespace unitLength {
enum In { kX, kInCount };
enum Out { kY, kOutCount };
}  // namespace unitLength
namespace unitLengthBackward {  // attributes: UnitLengthAttributes
enum In { kX, kDy, kInCount };
enum Out { kDx, kOutCount };
}  // namespace unitLengthBackward

// y = gamma (x - mean) / sqrt(variance + epsilon) + beta with the mean and the variance of each row
// of F features.
struct NormAttributes {
  double epsilon = 1e-3;
  int32_t ofBatch = 0;  // BatchNormBackward: mean and variance are those of x
};
namespace layerNorm {
enum In { kX, kGamma /*[F], optional*/, kBeta /*[F], optional*/, kInCount };
enum Out { kY, kStats /*[...,2]: mean, 1 / sqrt(variance + epsilon)*/, kOutCount };
}  // namespace layerNorm
namespace layerNormBackward {
enum In { kX, kGamma, kStats, kDy, kInCount };
enum Out { kDx, kDGamma, kDBeta, kOutCount };  // each optional
}  // namespace layerNormBackward

// Mean and variance (with N, not N-1) of each feature of the last axis over all rows, or those of
// the steps that count. Of no rows: 0 and 0.
namespace moments {
enum In { kX /*[...,F]*/, kMask /*Bool [B,T], optional*/, kInCount };
enum Out { kMean /*[F]*/, kVariance /*[F]*/, kOutCount };
}  // namespace moments
// y = gamma (x - mean) / sqrt(variance + epsilon) + beta per feature.
namespace batchNorm {  // attributes: NormAttributes
enum In { kX, kMean, kVariance, kGamma /*optional*/, kBeta /*optional*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace batchNorm
namespace batchNormBackward {  // attributes: NormAttributes
enum In { kX, kMask /*optional*/, kMean, kVariance, kGamma, kDy, kInCount };
enum Out { kDx, kDGamma, kDBeta, kOutCount };  // each optional
}  // namespace batchNormBackward
// y = momentum old + (1 - momentum) new.
struct MovingAverageAttributes {
  double momentum = 0.99;
};
namespace movingAverage {
enum In { kOld, kNew, kInCount };
enum Out { kY, kOutCount };
}  // namespace movingAverage

}  // namespace sluice
