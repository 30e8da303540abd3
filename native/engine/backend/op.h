// What the engine asks of a backend: coarse operations on whole tensors. Each op's arguments are
// named here by position; an optional argument that is not wanted is an absent tensor (rank -1).
//
// Unless said otherwise an output is overwritten, outputs do not alias inputs, tensors are
// row-major and contiguous, float tensors of one call share one dtype ("real": Float32 or Float64).
// B rows, T steps, I input features, H units, F features.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/backend/activation.h"
#include "engine/backend/op_around.h"
#include "engine/backend/op_recurrent.h"
#include "engine/backend/window.h"
#include "engine/core/tensor.h"

namespace sluice {

enum class Op : int32_t {
  Dense,
  DenseBackward,
  Activation,
  ActivationBackward,
  Gru,
  GruBackward,
  Lstm,
  LstmBackward,
  SimpleRnn,
  SimpleRnnBackward,
  MinGru,
  MinGruBackward,
  Convolution,
  ConvolutionBackward,
  DepthwiseConvolution,
  DepthwiseConvolutionBackward,
  Pooling,
  PoolingBackward,
  HeadProduct,
  AttentionWeights,
  AttentionWeightsBackward,
  AdditiveScores,
  AdditiveScoresBackward,
  Reverse,
  Concat,
  Split,
  Merge,
  MergeBackward,
  Elementwise,
  ElementwiseBackward,
  Reduce,
  ReduceBackward,
  Slice,
  SliceBackward,
  Dropout,
  ScaleSteps,
  Normalize,
  NormalizeBackward,
  MaskAnd,
  MaskSteps,
  StepMask,
  Embedding,
  EmbeddingBackward,
  Permute,
  Repeat,
  RepeatBackward,
  Softmax,
  SoftmaxBackward,
  UnitLength,
  UnitLengthBackward,
  LayerNorm,
  LayerNormBackward,
  Moments,
  BatchNorm,
  BatchNormBackward,
  MovingAverage,
  Add,
  Broadcast,
  SumRows,
  Loss,
  Metric,
  Penalty,
  Optimize,
  Constrain,
  Count,
};
const char* opName(Op op);

// y = x W + b over the last axis. Row-invariant in inference: a row's bits do not depend on the
// others. Kernel and bias may have more axes, which count as one: [I,N,O] as [I,N O].
namespace dense {
enum In { kX /*[...,I]*/, kKernel /*[I,O]*/, kBias /*[O], optional*/, kInCount };
enum Out { kY /*[...,O]*/, kOutCount };
}  // namespace dense
// dx = dy W^T, dW = x^T dy, db = column sums of dy.
namespace denseBackward {
enum In { kX, kKernel, kDy, kInCount };
enum Out { kDx /*optional*/, kDKernel /*optional*/, kDBias /*optional*/, kOutCount };
}  // namespace denseBackward

namespace activation {  // attributes: ActivationSpec
enum In { kX, kInCount };
enum Out { kY, kOutCount };
}  // namespace activation
namespace activationBackward {  // attributes: ActivationSpec
enum In { kY /*absent where needsInput*/, kDy, kX /*present where needsInput*/, kInCount };
enum Out { kDx, kOutCount };
}  // namespace activationBackward

// y = the windows of x times the kernel + b: equations in docs/semantics.md. Attributes:
// WindowAttributes. One axis: x [B,W,C], y [B,W',F]; two: x [B,H,W,C], y [B,H',W',F]. Row-invariant
// in inference, windows being the rows.
namespace convolution {
enum In {
  kX,
  kKernel,  // [size,C,F] or [height,width,C,F]
  kBias,    // [F], optional
  kBefore,  // [B,before C], optional: one axis, causal, stride 1: the positions before the first
            // one, in place of zeros
  kInCount
};
enum Out {
  kY,
  kAfter,  // as kBefore, optional: the last positions, for the call that goes on
  kOutCount
};
}  // namespace convolution
namespace convolutionBackward {
enum In { kX, kKernel, kDy, kInCount };
enum Out { kDx /*optional*/, kDKernel /*optional*/, kDBias /*optional*/, kOutCount };
}  // namespace convolutionBackward

// Each channel by M kernels of its own: y [..., C M], channel c's are c M to c M + M - 1.
namespace depthwiseConvolution {  // attributes: WindowAttributes
enum In { kX, kKernel /*[(height,)size,C,M]*/, kBias /*[C M], optional*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace depthwiseConvolution
namespace depthwiseConvolutionBackward {
enum In { kX, kKernel, kDy, kInCount };
enum Out { kDx /*optional*/, kDKernel /*optional*/, kDBias /*optional*/, kOutCount };
}  // namespace depthwiseConvolutionBackward

// The largest or the mean of each window's values, channel by channel, without padding and masked
// steps; 0 where none are left. Of equal values the first one of a window gets the gradient. NaN
// is larger than any number.
enum class PoolingMode : int32_t { Max, Average };
struct PoolingAttributes {
  WindowAttributes window;  // of a whole window the output is [B,C]
  PoolingMode mode = PoolingMode::Max;
};
namespace pooling {
enum In {
  kX,     // [B,W,C] or [B,H,W,C]
  kMask,  // Bool [B, first of these axes], optional
  kInCount
};
enum Out { kY, kOutCount };
}  // namespace pooling
namespace poolingBackward {
enum In { kX, kMask, kY /*optional: of a mean it is not read*/, kDy, kInCount };
enum Out { kDx /*zero at masked steps*/, kOutCount };
}  // namespace poolingBackward

// Attention. B rows, N heads, queries at Q positions, keys and values at V.
//
// Products of matrices c = a b, one for each row and head, each factor transposed where asked. A
// value of rank 4 is [B,N,rows,columns]; one of rank 3 is [B,rows,N columns], heads side by side.
struct HeadProductAttributes {
  int32_t heads = 1;
  int32_t transposeA = 0;
  int32_t transposeB = 0;
};
namespace headProduct {
enum In { kA, kB, kInCount };
enum Out { kC, kOutCount };
}  // namespace headProduct

// y = softmax(factor scale scores) over the last axis, over the positions that the mask lets
// through and, with `causal`, that do not come after the query's. The others are zero; so are rows
// that have none.
struct AttentionWeightsAttributes {
  double factor = 1;
  int32_t causal = 0;
};
namespace attentionWeights {
enum In {
  kScores /*[B,N,Q,V]*/,
  kMask /*Bool [B,V], optional*/,
  kScale /*[], optional*/,
  kInCount
};
enum Out { kY, kOutCount };
}  // namespace attentionWeights
namespace attentionWeightsBackward {
enum In { kScores, kScale, kY, kDy, kInCount };
enum Out { kDScores, kDScale /*optional*/, kOutCount };
}  // namespace attentionWeightsBackward

// scores[q,v] = sum over d of weight[d] tanh(inner (query[q,d] + key[v,d])), one head.
namespace additiveScores {
enum In {
  kQuery /*[B,Q,D]*/,
  kKey /*[B,V,D]*/,
  kWeight /*[D], optional*/,
  kInner /*[], optional*/,
  kInCount
};
enum Out { kScores /*[B,1,Q,V]*/, kOutCount };
}  // namespace additiveScores
namespace additiveScoresBackward {
enum In { kQuery, kKey, kWeight, kInner, kDScores, kInCount };
enum Out { kDQuery /*all optional*/, kDKey, kDWeight, kDInner, kOutCount };
}  // namespace additiveScoresBackward

// Reverses the steps of each row among its own valid steps; masked steps stay where they are.
// Its own inverse and its own adjoint.
namespace reverse {
enum In { kX /*[B,T,...]*/, kMask /*Bool [B,T], optional*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace reverse

// Concat joins any number of inputs along `axis` (>= 1); Split is its adjoint: one input, any
// number of outputs, absent ones are skipped but their extent counts: sizes come from `extents`.
constexpr int kMaxParts = 64;
struct ConcatAttributes {
  int32_t axis = 0;
  int32_t parts = 0;
  int64_t extents[kMaxParts] = {};  // Split only
};

// Element-wise, of two or more parts of one shape: their sum, mean, product, largest or smallest;
// Subtract is the first of two less the second. Of equal parts the first is the largest, and gets
// the gradient. NaN in a part is NaN in the result.
enum class MergeMode : int32_t { Sum, Average, Multiply, Subtract, Maximum, Minimum };
struct MergeAttributes {
  MergeMode mode = MergeMode::Sum;
};
namespace merge {  // inputs: the parts
enum Out { kY, kOutCount };
}  // namespace merge
// Inputs: the parts, then dy. Outputs: the gradient of each part; optional.

// y = x * keep / (1-rate), or keep alone where unscaled; x absent: of ones. keep from
// rowRandom(randomKey(seed, stream), step, rowOffset + b, e/4)[e%4]: kept where unitFloat(bits) >=
// rate; e is the element's index within row b. Backward is the same op applied to dy. Only in
// training plans.
struct DropoutAttributes {
  double rate = 0;
  uint64_t stream = 0;
  int32_t unscaled = 0;
  int32_t ofWeights = 0;  // rows are a matrix', the same for every part of a batch
};
namespace dropout {
enum In { kX /*optional*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace dropout

// y = (x - mean) / max(sqrt(variance), epsilon) per feature of the last axis; invert: the inverse.
struct NormalizeAttributes {
  double epsilon = 1e-7;
  int32_t invert = 0;
};
namespace normalize {
enum In { kX, kMean /*[F]*/, kVariance /*[F]*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace normalize
namespace normalizeBackward {
enum In { kVariance, kDy, kInCount };
enum Out { kDx, kOutCount };
}  // namespace normalizeBackward

// y = x * factor, the same for all steps of a row. Its own adjoint.
namespace scaleSteps {
enum In { kX /*[B,T,F]*/, kFactor /*[B,F]*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace scaleSteps

namespace maskAnd {  // Bool [B,T] each
enum In { kA, kB, kInCount };
enum Out { kY, kOutCount };
}  // namespace maskAnd

// y = x where the step's mask is not 0, else zero (whatever x holds there). Its own adjoint.
namespace maskSteps {
enum In { kX /*[B,T,...]*/, kMask /*Bool [B,T]*/, kInCount };
enum Out { kY, kOutCount };
}  // namespace maskSteps

// y += x: the sum of the gradients of a value with several readers.
namespace add {
enum In { kX, kInCount };
enum Out { kY /*read and written*/, kOutCount };
}  // namespace add

// y[b] = x for each row b; SumRows is its adjoint, summed in double in the order of the rows.
namespace broadcast {
enum In { kX /*[F]*/, kInCount };
enum Out { kY /*[B,F]*/, kOutCount };
}  // namespace broadcast
namespace sumRows {
enum In { kX /*[B,F]*/, kInCount };
enum Out { kY /*[F]*/, kOutCount };
}  // namespace sumRows

// A row of a loss is everything but the last axis. value(row): mse, mae, huber and binary
// cross-entropy are means over the last axis; the categorical ones are cross-entropies over it.
// A row whose weight is zero or whose mask is 0 is not looked at (it may hold NaN) and gets a zero
// gradient. Sums are accumulated in double in the order of the rows.
enum class LossKind : int32_t {
  MeanSquaredError,
  MeanAbsoluteError,              // derivative at 0 is 0
  Huber,                          // |e| <= delta ? e^2/2 : delta |e| - delta^2/2
  BinaryCrossentropy,             // from logits: max(p,0) - p t + log(1+e^-|p|)
  CategoricalCrossentropy,        // from logits: logsumexp(p) sum(t) - sum(t p)
  SparseCategoricalCrossentropy,  // targets Int32 [...] without the last axis
  Value,                          // the mean of what stands there; there is no target
};
struct LossAttributes {
  LossKind kind = LossKind::MeanSquaredError;
  double delta = 1;
};
namespace loss {
enum In {
  kPrediction,  // [...,F]
  kTarget,      // the prediction's shape; Int32 without the last axis for sparse targets
  kWeight,      // real, [B] or one a row of the loss; optional
  kMask,        // Bool, [B,T]: one for all rows of a step; optional
  kScale,       // Float64 [1]: what the gradient of sum(w value) is multiplied with
  kInCount
};
enum Out {
  kSums,         // Float64 [2]: sum(w value), sum(w)
  kDPrediction,  // optional: scale * d sum(w value) / d prediction
  kOutCount
};
}  // namespace loss

// Sums of a metric, arguments as Loss without scale and gradient.
enum class MetricKind : int32_t {
  MeanSquaredError,
  MeanAbsoluteError,
  BinaryAccuracy,             // (p > threshold) == (t > 0.5), mean over the last axis
  CategoricalAccuracy,        // argmax(p) == argmax(t), first maximum
  SparseCategoricalAccuracy,  // argmax(p) == t
};
struct MetricAttributes {
  MetricKind kind = MetricKind::MeanSquaredError;
  double threshold = 0;  // predictions are logits
};
namespace metric {
enum In { kPrediction, kTarget, kWeight, kMask, kInCount };
enum Out { kSums, kOutCount };
}  // namespace metric

// What a tensor costs the loss, Keras' L1L2: scale (l1 sum |x| + l2 sum x^2), in double, in an
// order that the shape fixes. Steps whose mask is 0 are not looked at, nor is anything where scale
// is 0.
struct PenaltyAttributes {
  double l1 = 0;
  double l2 = 0;

  bool isNone() const { return l1 == 0 && l2 == 0; }
};
namespace penalty {
enum In {
  kX,
  kMask,   // Bool [B,T] of x [B,T,...]; optional
  kScale,  // Float64 [1]
  kDy,     // as x: what the gradient is added to; optional, zeros; may be kDx itself
  kInCount
};
enum Out {
  kSum,  // Float64 [1], optional
  kDx,   // optional: dy + scale (l1 sign x + 2 l2 x), sign 0 = 0
  kOutCount
};
}  // namespace penalty

// One pass over all parameters, which lie in one flat buffer. Clipping belongs to it: clipValue per
// element, then clipVariableNorm per segment, then clipNorm over all trainable segments; 0 is off.
// Segments that are not trainable are copied.
// Formulas: docs/semantics.md.
enum class OptimizerKind : int32_t { Sgd, Rmsprop, Adam, AdamW };
// Segments come in ascending order of offset; what lies between them (padding) is not written.
struct ParameterSegment {
  int64_t offset = 0;
  int64_t length = 0;
  int32_t trainable = 1;

  bool operator==(const ParameterSegment&) const = default;
};
// What changes from update to update.
struct OptimizerStep {
  double learningRate = 0.01;
  int64_t iteration = 1;     // t of the formulas, from 1
  double gradientScale = 1;  // what gradients are multiplied with first
};
struct OptimizerAttributes {
  OptimizerKind kind = OptimizerKind::Sgd;
  double learningRate = 0.01;
  double momentum =
      0;  // sgd, rmsprop (Keras: velocity = momentum velocity + lr g / ...; w -= velocity)
  int32_t nesterov = 0;
  double rho = 0.9;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  int32_t torchForm = 0;  // epsilonMode 'torch'
  double weightDecay = 0;
  double clipNorm = 0;
  double clipVariableNorm = 0;
  double clipValue = 0;
  int64_t iteration = 1;  // t of the formulas, from 1
  const ParameterSegment* segments = nullptr;
  int64_t segmentCount = 0;
  // On a device with memory of its own: the segments, and what counts in place of learningRate and
  // iteration, in that memory.
  const ParameterSegment* segmentsOnDevice = nullptr;
  const OptimizerStep* stepOnDevice = nullptr;
};
// Slots: sgd 1 with momentum, else 0; rmsprop 1, with momentum 2 (mean square, velocity); adam 2
// (m, v).
namespace optimize {
enum In {
  kParameters,  // [n]
  kGradients,   // [n]
  kGuard,  // Float64 [m], optional: where one of them is not finite nothing changes. Asked for on
           // devices with memory of their own, which go on before the host has seen a loss
  kInCount
};
enum Out {
  kUpdated /*[n], may alias kParameters*/,
  kSlot0 /*[n], read and written*/,
  kSlot1,
  // Int32 [1], optional: 1 where a gradient is not finite, and then parameters and slots stay as
  // they are. Asked for where losses are scaled.
  kSkipped,
  kOutCount
};
}  // namespace optimize

// Brings weights back to what is allowed, in place: Keras' MaxNorm, NonNeg and UnitNorm, with n the
// Euclidean norm along `axis`, summed in double in the order of its elements.
enum class ConstraintKind : int32_t {
  None,
  MaxNorm,   // w min(n, maxValue) / (1e-7 + n)
  NonNeg,    // max(w, 0)
  UnitNorm,  // w / (1e-7 + n)
};
struct ConstraintAttributes {
  ConstraintKind kind = ConstraintKind::None;
  double maxValue = 2;
  int32_t axis = 0;  // of the weights, from 0
};
namespace constrain {
enum In { kInCount };
enum Out { kWeights /*read and written*/, kOutCount };
}  // namespace constrain

// In which numbers a device multiplies matrices, where it is asked to; sums, states, what passes
// between ops and the weights that are learned are float32 in any case.
enum class Precision : int32_t {
  Float32,        // nothing is rounded before it is multiplied
  TensorFloat32,  // factors rounded to 10 bits behind the leading one
  BFloat16,       // to 7
  Float16,        // to 10, of 5e-8 to 65,504: training scales its loss
};

const char* precisionName(Precision precision);  // as users write it

// Of a run on a device with memory of its own, in that memory, as it changes from run to run while
// addresses do not.
struct RunPosition {
  uint64_t seed = 0;
  uint64_t step = 0;
  int64_t rowOffset = 0;
};

// What one run brings to all its ops.
struct RunContext {
  uint64_t seed = 0;
  uint64_t step = 0;                             // position of the random numbers
  int64_t rowOffset = 0;                         // global index of the batch's first row
  int32_t threads = 1;                           // 1 also means: stay on the calling thread
  const std::atomic<int32_t>* cancel = nullptr;  // non-zero: a long kernel may return early
  Precision precision = Precision::Float32;
  // On a device with memory of its own: where the call is put, and seed, step and rowOffset, to be
  // read there. A row's index in the whole batch is position->rowOffset * rowFactor + row.
  void* queue = nullptr;
  const RunPosition* position = nullptr;
  int64_t rowFactor = 1;

  bool cancelled() const { return cancel && cancel->load(std::memory_order_relaxed) != 0; }
};

// One call: shapes are always set; data, scratch and packed only at launch.
struct OpCall {
  Op op = Op::Count;
  const void* attributes = nullptr;
  const TensorView* in = nullptr;
  int32_t inCount = 0;
  const TensorView* out = nullptr;
  int32_t outCount = 0;
  void* scratch = nullptr;       // 64-byte aligned, Kernel::scratchBytes long
  const void* packed = nullptr;  // 64-byte aligned, filled by Kernel::pack for these parameters
  const RunContext* context = nullptr;

  template <typename T>
  const T& attr() const {
    return *static_cast<const T*>(attributes);
  }
};

}  // namespace sluice
