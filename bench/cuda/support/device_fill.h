// The numbers of bench/native/data.h, made on the device.
#pragma once

#include <cstdint>

#include "support/check.h"

namespace bench {

template <typename T>
__global__ void fillWith(T* out, int64_t count, uint32_t seed, float scale) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    uint32_t v = static_cast<uint32_t>(i) + seed * 0x9e3779b9u;
    v = (v ^ (v >> 16)) * 0x7feb352du;
    v = (v ^ (v >> 15)) * 0x846ca68bu;
    v ^= v >> 16;
    out[i] = static_cast<T>((static_cast<float>(v >> 8) / 8388608.0f - 1.0f) * scale);
  }
}

template <typename T>
void fillOnDevice(T* out, int64_t count, uint32_t seed, float scale) {
  fillWith<T><<<1024, 256>>>(out, count, seed, scale);
  checkLaunch("fillWith");
}

}  // namespace bench
