// Functions of kernels that need no other thread. Those of <math.h> are the host's own. Atomic
// addition of floating-point numbers is left out: its sums would depend on the order of threads.
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>

// --- memory -------------------------------------------------------------------------------------

template <typename T>
T __ldg(const T* pointer) {
  return *pointer;
}

inline void __threadfence() {}
inline void __threadfence_block() {}

// One thread runs at a time, so these are atomic as they stand. They return the old value.
#define SLUICE_ATOMIC(name, T, newValue)   \
  inline T name(T* address, T value) {     \
    const T old = *address;                \
    *address = static_cast<T>((newValue)); \
    return old;                            \
  }
#define SLUICE_ATOMICS(T)                                \
  SLUICE_ATOMIC(atomicExch, T, value)                    \
  SLUICE_ATOMIC(atomicMin, T, old < value ? old : value) \
  SLUICE_ATOMIC(atomicMax, T, old > value ? old : value) \
  SLUICE_ATOMIC(atomicAnd, T, old& value)                \
  SLUICE_ATOMIC(atomicOr, T, old | value)                \
  inline T atomicCAS(T* address, T expected, T value) {  \
    const T old = *address;                              \
    if (old == expected) *address = value;               \
    return old;                                          \
  }
// Added as unsigned: overflow wraps.
SLUICE_ATOMIC(atomicAdd, int, static_cast<unsigned>(old) + static_cast<unsigned>(value))
SLUICE_ATOMIC(atomicAdd, unsigned, old + value)
SLUICE_ATOMIC(atomicAdd, unsigned long long, old + value)
SLUICE_ATOMICS(int)
SLUICE_ATOMICS(unsigned)
SLUICE_ATOMICS(unsigned long long)
#undef SLUICE_ATOMICS
#undef SLUICE_ATOMIC

// --- bits ---------------------------------------------------------------------------------------

namespace sluice::emulator {
template <typename To, typename From>
To sameBits(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &value, sizeof result);
  return result;
}
}  // namespace sluice::emulator

inline unsigned __float_as_uint(float x) { return sluice::emulator::sameBits<unsigned>(x); }
inline int __float_as_int(float x) { return sluice::emulator::sameBits<int>(x); }
inline float __uint_as_float(unsigned x) { return sluice::emulator::sameBits<float>(x); }
inline float __int_as_float(int x) { return sluice::emulator::sameBits<float>(x); }
inline long long __double_as_longlong(double x) { return sluice::emulator::sameBits<long long>(x); }
inline double __longlong_as_double(long long x) { return sluice::emulator::sameBits<double>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}

// --- arithmetic ---------------------------------------------------------------------------------

inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / ::sqrt(x); }

// As in CUDA, min and max of floating-point numbers are fmin and fmax: NaN gives the other one.
#define SLUICE_MIN_MAX(T)                          \
  inline T min(T a, T b) { return b < a ? b : a; } \
  inline T max(T a, T b) { return a < b ? b : a; }
SLUICE_MIN_MAX(int)
SLUICE_MIN_MAX(unsigned)
SLUICE_MIN_MAX(long)
SLUICE_MIN_MAX(unsigned long)
SLUICE_MIN_MAX(long long)
SLUICE_MIN_MAX(unsigned long long)
#undef SLUICE_MIN_MAX
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
