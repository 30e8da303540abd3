// Ops that move whole elements without looking at them: Reverse, Concat, Split, MaskSteps. Any
// dtype.
#include <cstring>

#include "reference/kernels.h"

namespace sluice::reference {
namespace {

int32_t runReverse(const OpCall& call) noexcept {
  const TensorView& x = call.in[reverse::kX];
  const int64_t B = x.shape[0], T = x.shape[1];
  const size_t bytes = B * T > 0 ? x.bytes() / static_cast<size_t>(B * T) : 0;  // of one step
  const uint8_t* mask = input<uint8_t>(call, reverse::kMask);
  if (bytes == 0) return 0;
  for (int64_t b = 0; b < B; ++b) {
    const char* from = x.as<const char>() + static_cast<size_t>(b * T) * bytes;
    char* to = call.out[reverse::kY].as<char>() + static_cast<size_t>(b * T) * bytes;
    int64_t last = T - 1;  // the valid step whose place the next valid step takes
    for (int64_t t = 0; t < T; ++t) {
      int64_t source = t;
      if (!mask || mask[b * T + t]) {
        while (mask && !mask[b * T + last]) --last;
        source = last--;
      }
      std::memcpy(to + static_cast<size_t>(t) * bytes, from + static_cast<size_t>(source) * bytes,
                  bytes);
    }
  }
  return 0;
}

// Parts are contiguous runs of `extent * inner` elements in each of the `outer` rows of the whole.
struct Rows {
  int64_t outer = 1;
  size_t innerBytes = 1;
  Rows(const TensorView& whole, int axis) {
    for (int i = 0; i < axis; ++i) outer *= whole.shape[i];
    innerBytes = dtypeBytes(whole.dtype);
    for (int i = axis + 1; i < whole.shape.rank; ++i)
      innerBytes *= static_cast<size_t>(whole.shape[i]);
  }
};

int32_t runConcat(const OpCall& call) noexcept {
  const int axis = call.attr<ConcatAttributes>().axis;
  const Rows rows(call.out[0], axis);
  const size_t stride = static_cast<size_t>(call.out[0].shape[axis]) * rows.innerBytes;
  size_t offset = 0;
  for (int part = 0; part < call.inCount; ++part) {
    const size_t width = static_cast<size_t>(call.in[part].shape[axis]) * rows.innerBytes;
    for (size_t row = 0; width && row < static_cast<size_t>(rows.outer); ++row) {
      std::memcpy(call.out[0].as<char>() + row * stride + offset,
                  call.in[part].as<char>() + row * width, width);
    }
    offset += width;
  }
  return 0;
}

int32_t runSplit(const OpCall& call) noexcept {
  const auto& attr = call.attr<ConcatAttributes>();
  const Rows rows(call.in[0], attr.axis);
  const size_t stride = static_cast<size_t>(call.in[0].shape[attr.axis]) * rows.innerBytes;
  size_t offset = 0;
  for (int part = 0; part < call.outCount; ++part) {
    const size_t width = static_cast<size_t>(attr.extents[part]) * rows.innerBytes;
    for (size_t row = 0; width && call.out[part].present() && row < static_cast<size_t>(rows.outer);
         ++row) {
      std::memcpy(call.out[part].as<char>() + row * width,
                  call.in[0].as<char>() + row * stride + offset, width);
    }
    offset += width;
  }
  return 0;
}

int32_t runMaskSteps(const OpCall& call) noexcept {
  const TensorView& x = call.in[maskSteps::kX];
  const uint8_t* mask = input<uint8_t>(call, maskSteps::kMask);
  const int64_t steps = x.shape[0] * x.shape[1];
  const size_t bytes = steps > 0 ? x.bytes() / static_cast<size_t>(steps) : 0;  // of one step
  for (int64_t at = 0; bytes > 0 && at < steps; ++at) {
    char* to = call.out[maskSteps::kY].as<char>() + static_cast<size_t>(at) * bytes;
    if (mask[at])
      std::memcpy(to, x.as<const char>() + static_cast<size_t>(at) * bytes, bytes);
    else
      std::memset(to, 0, bytes);
  }
  return 0;
}

}  // namespace

Kernel reverseKernel() { return {.name = "reference.reverse", .launch = runReverse}; }
Kernel concatKernel() { return {.name = "reference.concat", .launch = runConcat}; }
Kernel splitKernel() { return {.name = "reference.split", .launch = runSplit}; }
Kernel maskStepsKernel() { return {.name = "reference.maskSteps", .launch = runMaskSteps}; }

}  // namespace sluice::reference
