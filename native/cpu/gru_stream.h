// One step of the default GRU for one row or a few: what streams run. The products of x and of h
// follow one another for the same units, then come their gates, so that nothing as wide as the
// layer is written but the new state. Weights may be kept in less precision than float32.
#pragma once

#include "cpu/recurrent_layout.h"

namespace sluice::cpu {

inline bool gruIsReduced(const RecurrentAttributes& attributes) {
  return attributes.weights != WeightsType::Float32;
}
// Whether packed weights are kept in less precision. Other cells than the default GRU get them
// rounded but kept as float32, in the form of recurrentPack.
inline bool gruKeepsReduced(const RecurrentExtents& e, const RecurrentAttributes& attributes) {
  return e.cell == &gruCell() && e.cell->isFused(attributes);
}
// Why the call's weights must be float32; null where they need not.
const char* gruWhyNotReduced(const OpCall& call) noexcept;

// Whether gruStreamLaunch runs the call. Its bits are those of every other way.
bool gruStreams(const OpCall& call) noexcept;
int32_t gruStreamLaunch(const OpCall& call) noexcept;
size_t gruStreamScratchBytes(const OpCall& call) noexcept;

// Weights in less precision, packed.
size_t gruReducedBytes(const OpCall& call) noexcept;
void gruReducedPack(const OpCall& call, void* packed) noexcept;

// Offsets in bytes of what gruReducedPack makes for fused cells. The weights are columns of
// [block][z r h][lanes]: a panel of three vectors for each block of units, k after k, or with int8
// pair of k after pair of k, the two side by side. An odd last k is paired with zeros.
struct GruReduced {
  int64_t bias = 0;           // float [3P] in the order of the columns
  int64_t candidateBias = 0;  // float [P]
  int64_t scales = 0;         // int8: float [2][3P], of kernel and recurrent kernel
  int64_t kernel = 0;
  int64_t recurrent = 0;
  int64_t size = 0;

  GruReduced(const RecurrentExtents& e, WeightsType weights) {
    const bool int8 = weights == WeightsType::Int8;
    const auto floats = static_cast<int64_t>(sizeof(float));
    const auto matrix = [&](int64_t k) {
      return roundUp(3 * e.P * (int8 ? roundUp(k, 2) : 2 * k), 64);
    };
    candidateBias = 3 * e.P * floats;
    scales = candidateBias + e.P * floats;
    kernel = roundUp(scales + (int8 ? 6 * e.P * floats : 0), 64);
    recurrent = kernel + matrix(e.I);
    size = recurrent + matrix(e.H);
  }
};

// The products of one row with up to four neighbouring panels: out = init + a b, as TileArgs.
// Distances are in elements.
struct ReducedArgs {
  const void* a;  // float; for int8 weights int16, in pairs
  const void* b;
  int64_t ldb;  // between panels
  int64_t k;
  const float* init;  // of the first two vectors of a panel
  int64_t ldInit;
  const float* init2;  // of the third
  int64_t ldInit2;
  float* out;           // [panels][3][lanes]; may be init
  const float* scales;  // int8: [panels][3][lanes], of the columns
  float scale;          // int8: of a
};
using ReducedKernel = void (*)(const ReducedArgs&);

// Weights of 16 bits (gru_half.cc).
struct HalfKernels {
  ReducedKernel panels[kMaxTilePanels];  // [panels - 1]
  void (*decode)(const uint16_t* from, int64_t n, float* to);
};
const HalfKernels& gruHalfKernels(WeightsType weights) noexcept;

// Weights of 8 bits (gru_int8.cc).
struct Int8Kernels {
  ReducedKernel panels[kMaxTilePanels];
  // to = a / scale, rounded; returns the scale, NaN where some a is not finite. Writes whole
  // vectors: `to` has room for roundUp(n, 2 kMaxLanes).
  float (*quantise)(const float* a, int64_t n, int16_t* to);
};
const Int8Kernels& gruInt8Kernels() noexcept;

}  // namespace sluice::cpu
