// The functions of native/cuda/device/intrinsics.h on the CPU.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace sluice::cuda {

template <typename T>
T* sharedMemory() {
  return static_cast<T*>(emulator::dynamicSharedMemory());
}

// --- copies from global to shared memory that run beside the thread -----------------------------

inline void copyAsync16(void* shared, const void* global, bool valid) {
  emulator::copyLater(shared, global, 16, valid);
}
inline void copyAsync4(void* shared, const void* global, bool valid) {
  emulator::copyLater(shared, global, 4, valid);
}
inline void commitCopies() { emulator::commitCopies(); }
template <int N>
void waitCopies() {
  emulator::waitCopies(N);
}

// --- numbers of 16 and 19 bits ------------------------------------------------------------------

struct BFloat16 {
  uint16_t bits;
};

struct Half {
  uint16_t bits;
};

BFloat16 toBFloat16(float value);
Half toHalf(float value);
float toFloat(BFloat16 value);
float toFloat(Half value);
uint32_t toTf32(float value);
uint32_t packBFloat16(float low, float high);
uint32_t packHalf(float low, float high);

// --- matrix products of a warp ------------------------------------------------------------------

void multiplyTf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void multiplyBFloat16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
void multiplyHalf(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

void loadMatrices4(uint32_t (&r)[4], const void* sharedRow);
void loadMatrices4Transposed(uint32_t (&r)[4], const void* sharedRow);

// --- values of other lanes ----------------------------------------------------------------------

template <typename T>
T shuffleXor(T value, int lane) {
  return __shfl_xor_sync(emulator::kAllLanes, value, lane);
}

// --- kernels that begin before the one in front of them has ended -------------------------------

inline void awaitPrimary() { emulator::awaitPrimary(); }
inline void releaseDependents() {}

}  // namespace sluice::cuda
