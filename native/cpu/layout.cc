// Reverse, Concat, Split and MaskSteps: whole runs of bytes are moved, so any dtype.
#include <algorithm>
#include <cstring>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

// Rows of this many bytes each are given out in pieces worth a thread's start.
int64_t rowGrain(size_t bytes) {
  const int64_t piece = kCheapGrain * static_cast<int64_t>(sizeof(float));
  return std::max<int64_t>(1, piece / std::max<int64_t>(1, static_cast<int64_t>(bytes)));
}

void reverseRow(const char* x, const uint8_t* mask, char* y, int64_t T, size_t bytes) {
  int64_t last = T - 1;  // the valid step whose place the next valid step takes
  for (int64_t t = 0; t < T; ++t) {
    int64_t source = t;
    if (!mask || mask[t]) {
      while (mask && !mask[last]) --last;
      source = last--;
    }
    std::memcpy(y + static_cast<size_t>(t) * bytes, x + static_cast<size_t>(source) * bytes, bytes);
  }
}

int32_t runReverse(const OpCall& call) noexcept {
  const TensorView& x = call.in[reverse::kX];
  const int64_t B = x.shape[0], T = x.shape[1];
  const uint8_t* mask = input<uint8_t>(call, reverse::kMask);
  if (x.bytes() == 0) return 0;
  const size_t row = x.bytes() / static_cast<size_t>(B);
  parallelFor(call.context->threads, B, rowGrain(row), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const size_t offset = static_cast<size_t>(b) * row;
      reverseRow(x.as<const char>() + offset, mask ? mask + b * T : nullptr,
                 call.out[reverse::kY].as<char>() + offset, T, row / static_cast<size_t>(T));
    }
  });
  return 0;
}

// Along `axis`, `outer` rows of the whole; a part's row is its extent times `innerBytes` long.
struct Rows {
  int64_t outer = 1;
  size_t innerBytes = 1;
  Rows(const TensorView& whole, int axis) : innerBytes(dtypeBytes(whole.dtype)) {
    for (int i = 0; i < axis; ++i) outer *= whole.shape[i];
    for (int i = axis + 1; i < whole.shape.rank; ++i) {
      innerBytes *= static_cast<size_t>(whole.shape[i]);
    }
  }
};

int32_t runConcat(const OpCall& call) noexcept {
  const int axis = call.attr<ConcatAttributes>().axis;
  const Rows rows(call.out[0], axis);
  const size_t stride = static_cast<size_t>(call.out[0].shape[axis]) * rows.innerBytes;
  const auto join = [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      char* to = call.out[0].as<char>() + static_cast<size_t>(row) * stride;
      for (int part = 0; part < call.inCount; ++part) {
        const size_t width = static_cast<size_t>(call.in[part].shape[axis]) * rows.innerBytes;
        const char* from = call.in[part].as<const char>() + static_cast<size_t>(row) * width;
        if (width) std::memcpy(to, from, width);
        to += width;
      }
    }
  };
  if (stride) parallelFor(call.context->threads, rows.outer, rowGrain(stride), join);
  return 0;
}

int32_t runSplit(const OpCall& call) noexcept {
  const auto& attr = call.attr<ConcatAttributes>();
  const Rows rows(call.in[0], attr.axis);
  const size_t stride = static_cast<size_t>(call.in[0].shape[attr.axis]) * rows.innerBytes;
  const auto cut = [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const char* from = call.in[0].as<const char>() + static_cast<size_t>(row) * stride;
      for (int part = 0; part < call.outCount; ++part) {
        const size_t width = static_cast<size_t>(attr.extents[part]) * rows.innerBytes;
        char* to = output<char>(call, part);
        if (to && width) std::memcpy(to + static_cast<size_t>(row) * width, from, width);
        from += width;
      }
    }
  };
  if (stride) parallelFor(call.context->threads, rows.outer, rowGrain(stride), cut);
  return 0;
}

int32_t runMaskSteps(const OpCall& call) noexcept {
  const TensorView& x = call.in[maskSteps::kX];
  const uint8_t* mask = input<uint8_t>(call, maskSteps::kMask);
  const int64_t steps = x.shape[0] * x.shape[1];
  if (x.bytes() == 0) return 0;
  const size_t bytes = x.bytes() / static_cast<size_t>(steps);
  parallelFor(call.context->threads, steps, rowGrain(bytes), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      char* to = call.out[maskSteps::kY].as<char>() + static_cast<size_t>(at) * bytes;
      if (mask[at])
        std::memcpy(to, x.as<const char>() + static_cast<size_t>(at) * bytes, bytes);
      else
        std::memset(to, 0, bytes);
    }
  });
  return 0;
}

// `rows` rows of the tensor, given out in pieces.
KernelChoice describeRows(const OpCall& call, const char* what, const TensorView& tensor,
                          int64_t rows) {
  const size_t bytes = rows > 0 ? tensor.bytes() / static_cast<size_t>(rows) : 0;
  return describeShared(call, what, rows, rowGrain(bytes));
}
KernelChoice describeReverse(const OpCall& call) noexcept {
  const TensorView& x = call.in[reverse::kX];
  return describeRows(call, "rows", x, x.shape[0]);
}
KernelChoice describeConcat(const OpCall& call) noexcept {
  const int axis = call.attr<ConcatAttributes>().axis;
  return describeRows(call, "rows", call.out[0], Rows(call.out[0], axis).outer);
}
KernelChoice describeSplit(const OpCall& call) noexcept {
  const int axis = call.attr<ConcatAttributes>().axis;
  return describeRows(call, "rows", call.in[0], Rows(call.in[0], axis).outer);
}
KernelChoice describeMaskSteps(const OpCall& call) noexcept {
  const TensorView& x = call.in[maskSteps::kX];
  return describeRows(call, "steps", x, x.shape[0] * x.shape[1]);
}

}  // namespace

const Kernel kReverse = {.name = "cpu.reverse", .launch = runReverse, .describe = describeReverse};
const Kernel kConcat = {.name = "cpu.concat", .launch = runConcat, .describe = describeConcat};
const Kernel kSplit = {.name = "cpu.split", .launch = runSplit, .describe = describeSplit};
const Kernel kMaskSteps = {
    .name = "cpu.maskSteps", .launch = runMaskSteps, .describe = describeMaskSteps};

}  // namespace sluice::cpu
