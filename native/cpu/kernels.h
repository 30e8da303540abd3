// Every kernel of the CPU backend, by the op it runs. Each is defined in the file of its name.
#pragma once

#include "engine/backend/backend.h"

namespace sluice::cpu {

extern const Kernel kDense, kDenseBackward;            // dense.cc
extern const Kernel kActivation, kActivationBackward;  // activation.cc
extern const Kernel kGru;                              // gru_forward.cc
extern const Kernel kGruBackward;                      // gru_backward.cc
extern const Kernel kReverse, kConcat, kSplit;         // elementwise.cc and its neighbours
extern const Kernel kMerge, kMergeBackward, kDropout;  //
extern const Kernel kNormalize, kNormalizeBackward;    //
extern const Kernel kMaskAnd, kAdd;                    //
extern const Kernel kLoss, kMetric;                    // loss.cc
extern const Kernel kOptimize;                         // optimizer.cc

}  // namespace sluice::cpu
