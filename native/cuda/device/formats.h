// In which numbers factors of a matrix product stand in memory.
#pragma once

#include "cuda/device/intrinsics.h"
#include "engine/backend/op.h"

namespace sluice::cuda {

struct Float32Format {
  using Operand = float;
  static constexpr Precision kPrecision = Precision::Float32;
  static __device__ Operand round(float x) { return x; }
};

struct TensorFloat32Format {
  using Operand = uint32_t;  // the bits
  static constexpr Precision kPrecision = Precision::TensorFloat32;
  static __device__ Operand round(float x) { return toTf32(x); }
  static __device__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    multiplyTf32(d, a, b);
  }
};

struct BFloat16Format {
  using Operand = BFloat16;
  static constexpr Precision kPrecision = Precision::BFloat16;
  static __device__ Operand round(float x) { return toBFloat16(x); }
  static __device__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    multiplyBFloat16(d, a, b);
  }
};

struct Float16Format {
  using Operand = Half;
  static constexpr Precision kPrecision = Precision::Float16;
  static __device__ Operand round(float x) { return toHalf(x); }
  static __device__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    multiplyHalf(d, a, b);
  }
};

// body(format) with a value of the format's type.
template <class Body>
auto withFormat(Precision precision, Body&& body) {
  switch (precision) {
    case Precision::TensorFloat32:
      return body(TensorFloat32Format());
    case Precision::BFloat16:
      return body(BFloat16Format());
    case Precision::Float16:
      return body(Float16Format());
    case Precision::Float32:
      break;
  }
  return body(Float32Format());
}

}  // namespace sluice::cuda
