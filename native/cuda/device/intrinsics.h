// Everything of device code that C++ cannot say: PTX, shared memory sized at launch, narrow floats.
// The only file with inline assembly; test/native/cuda/emulator has the same functions for CPUs.
//
// Fragments are those of mma.sync: with group = lane / 4 and member = lane % 4, a lane holds
//   d       rows group, group + 8 of 16; columns 2 * member, 2 * member + 1 of 8:
//           d[0], d[1] are of the first row, d[2], d[3] of the second
//   a TF32  rows and columns (group, member), (group + 8, member), (group, member + 4),
//           (group + 8, member + 4) of 16 x 8
//   b TF32  rows member, member + 4 of 8; column group of 8
//   a 16-bit: pairs of neighbouring columns 2 * member, 2 * member + 1, the left one in the low
//   half:
//           rows group, group + 8, then the same rows eight columns to the right, of 16 x 16
//   b 16-bit: pairs of rows 2 * member, 2 * member + 1, then the rows eight below; column group of
//   8
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace sluice::cuda {

// The dynamic shared memory of the block, on a boundary of 128 bytes.
template <typename T>
__device__ __forceinline__ T* sharedMemory() {
  extern __shared__ __align__(128) unsigned char sluiceSharedMemory[];
  return reinterpret_cast<T*>(sluiceSharedMemory);
}

// --- copies from global to shared memory that run beside the thread -----------------------------

__device__ __forceinline__ uint32_t sharedAddress(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// 16 bytes, both addresses on a boundary of 16. Not valid: zeros, and `global` is not read.
__device__ __forceinline__ void copyAsync16(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(valid ? 16 : 0)
               : "memory");
}

// 4 bytes, both addresses on a boundary of 4.
__device__ __forceinline__ void copyAsync4(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(sharedAddress(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(valid ? 4 : 0)
               : "memory");
}

// Ends a group: the copies that this thread has begun since the last one.
__device__ __forceinline__ void commitCopies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits for all of this thread's groups but the newest N. Other threads see the data after a
// barrier.
template <int N>
__device__ __forceinline__ void waitCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// --- numbers of 16 and 19 bits ------------------------------------------------------------------

struct BFloat16 {
  uint16_t bits;
};

struct Half {
  uint16_t bits;
};

// To the nearest, ties to even.
__device__ __forceinline__ BFloat16 toBFloat16(float value) {
  BFloat16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

__device__ __forceinline__ Half toHalf(float value) {
  Half result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

__device__ __forceinline__ float toFloat(BFloat16 value) {
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
}

__device__ __forceinline__ float toFloat(Half value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
}

// The bits of a float whose mantissa has 10 bits: to the nearest, ties away from zero.
__device__ __forceinline__ uint32_t toTf32(float value) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

__device__ __forceinline__ uint32_t packBFloat16(float low, float high) {
  uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

__device__ __forceinline__ uint32_t packHalf(float low, float high) {
  uint32_t bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

// --- matrix products of a warp: d += a b --------------------------------------------------------
// All lanes call them together; volatile, so that none is moved to where they do not.

// 16 x 8 += 16 x 8 times 8 x 8.
__device__ __forceinline__ void multiplyTf32(float (&d)[4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 16 x 8 += 16 x 16 times 16 x 8.
__device__ __forceinline__ void multiplyBFloat16(float (&d)[4], const uint32_t (&a)[4],
                                                 const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ void multiplyHalf(float (&d)[4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// --- fragments from shared memory ---------------------------------------------------------------
// Matrices of 8 rows of 16 bytes. Lane l names row l % 8 of matrix l / 8, on a boundary of 16
// bytes, and gets of matrix i the two 16-bit elements 2 * member, 2 * member + 1 of row group in
// r[i]; transposed: of column group.

__device__ __forceinline__ void loadMatrices4(uint32_t (&r)[4], const void* sharedRow) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(sharedRow))
               : "memory");
}

__device__ __forceinline__ void loadMatrices4Transposed(uint32_t (&r)[4], const void* sharedRow) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(sharedRow))
               : "memory");
}

// --- values of other lanes ----------------------------------------------------------------------

// Of lane (own ^ lane); all lanes of the warp take part.
template <typename T>
__device__ __forceinline__ T shuffleXor(T value, int lane) {
  return __shfl_xor_sync(0xffffffffu, value, lane);
}

// --- kernels that begin before the one in front of them has ended -------------------------------

// Waits until the kernels in front have ended and what they wrote can be seen. A kernel that is
// launched so that it may begin early reads nothing of theirs, and writes nothing, before it.
__device__ __forceinline__ void awaitPrimary() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// From here on (once every block has said so, or ended) the next kernel may begin.
__device__ __forceinline__ void releaseDependents() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace sluice::cuda
