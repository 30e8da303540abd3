#include <cmath>

#include "cuda/kernels.h"
#include "cuda/loops.h"
#include "engine/backend/arguments.h"
#include "engine/core/random.h"

namespace sluice::cuda {
namespace {

constexpr int64_t kNumbers = 4;  // of a block of random ones

bool onBoundary(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

int32_t runDropout(const OpCall& call) noexcept {
  const auto& attributes = call.attr<DropoutAttributes>();
  const Shape& shape = call.out[dropout::kY].shape;
  const int64_t B = shape[0], perRow = B > 0 ? shape.elements() / B : 0;
  const float* x = input(call, dropout::kX);
  float* y = output(call, dropout::kY);
  const RunPosition* position = call.context->position;
  const int64_t rowFactor = attributes.ofWeights ? 0 : call.context->rowFactor;
  const uint64_t stream = attributes.stream;
  // unitFloat(bits) >= rate, as whole numbers.
  const auto least = static_cast<uint32_t>(std::ceil(attributes.rate * 0x1p24));
  const float scale = attributes.unscaled ? 1.0f : static_cast<float>(1 / (1 - attributes.rate));
  const bool aligned = perRow % kNumbers == 0 && onBoundary(x) && onBoundary(y);
  return forEachOfRows(
      call, B, divideUp(perRow, kNumbers), [=] __device__(int64_t row, int64_t block) {
        const uint64_t key = randomKey(position->seed, stream);
        const auto global = static_cast<uint64_t>(position->rowOffset * rowFactor + row);
        const RandomBlock random =
            rowRandom(key, position->step, global, static_cast<uint64_t>(block));
        const int64_t at = row * perRow + block * kNumbers;
        float own[kNumbers] = {};
        if (aligned && x) {
          const float4 four = *reinterpret_cast<const float4*>(x + at);
          own[0] = four.x, own[1] = four.y, own[2] = four.z, own[3] = four.w;
        }
        const int64_t left = perRow - block * kNumbers;
#pragma unroll
        for (int i = 0; i < kNumbers; ++i) {
          if (!x) own[i] = 1.0f;
          if (x && !aligned && i < left) own[i] = x[at + i];
          own[i] = random[static_cast<size_t>(i)] >> 8 >= least ? own[i] * scale : 0.0f;
        }
        if (aligned) {
          *reinterpret_cast<float4*>(y + at) = make_float4(own[0], own[1], own[2], own[3]);
          return;
        }
#pragma unroll
        for (int i = 0; i < kNumbers; ++i)
          if (i < left) y[at + i] = own[i];
      });
}

}  // namespace

Kernel dropoutKernel() { return {.name = "cuda.dropout", .launch = runDropout}; }

}  // namespace sluice::cuda
