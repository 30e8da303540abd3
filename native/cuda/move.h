// Kernels that move whole elements without looking at them.
#pragma once

#include "cuda/loops.h"

namespace sluice::cuda {

// A launch function out of Move::run<Unit>(call), Unit being a whole number as long as an element.
template <typename Move>
int32_t ofAnyType(const OpCall& call) noexcept {
  switch (dtypeBytes(call.in[0].dtype)) {
    case 1:
      return Move::template run<uint8_t>(call);
    case 4:
      return Move::template run<uint32_t>(call);
    default:
      return Move::template run<uint64_t>(call);
  }
}

// `width` elements of each of `rows` rows, whose beginnings lie `toStride` and `fromStride` apart.
template <typename Unit>
int32_t copyRows(const OpCall& call, int64_t rows, int64_t width, Unit* to, int64_t toStride,
                 const Unit* from, int64_t fromStride) noexcept {
  return forEachOfRows(call, rows, width, [=] __device__(int64_t row, int64_t column) {
    to[row * toStride + column] = from[row * fromStride + column];
  });
}

}  // namespace sluice::cuda
