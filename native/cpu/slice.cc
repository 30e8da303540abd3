// Slice and its adjoint: runs of bytes, whatever they hold.
#include <cstring>

#include "cpu/arguments.h"
#include "cpu/describe.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

// The whole as `outer` lines of `extent` pieces; the part has `taken` of each line.
struct Lines {
  int64_t outer = 1, extent, taken, begin, step;
  size_t bytes;  // of a piece

  Lines(const SliceAttributes& attr, const TensorView& whole, const Shape& part)
      : extent(whole.shape[attr.axis]),
        taken(part[attr.axis]),
        begin(attr.begin(extent)),
        step(attr.step),
        bytes(dtypeBytes(whole.dtype)) {
    for (int i = 0; i < attr.axis; ++i) outer *= whole.shape[i];
    for (int i = attr.axis + 1; i < whole.shape.rank; ++i)
      bytes *= static_cast<size_t>(whole.shape[i]);
  }
  size_t partLine() const { return static_cast<size_t>(taken) * bytes; }
  size_t wholeLine() const { return static_cast<size_t>(extent) * bytes; }
  int64_t grain() const {
    const auto most = static_cast<int64_t>(std::max<size_t>(1, wholeLine() / sizeof(float)));
    return std::max<int64_t>(1, kCheapGrain / most);
  }
  // copy(offset in a line of the whole, offset in one of the part, bytes); neighbours at once.
  template <typename Copy>
  void eachRun(Copy&& copy) const {
    if (partLine() == 0) return;
    const int64_t runs = step == 1 ? 1 : taken;
    const size_t run = partLine() / static_cast<size_t>(runs);
    for (int64_t i = 0; i < runs; ++i)
      copy(static_cast<size_t>(begin + i * step) * bytes, static_cast<size_t>(i) * run, run);
  }
};

int32_t runSlice(const OpCall& call) noexcept {
  const TensorView &x = call.in[slice::kX], &y = call.out[slice::kY];
  const Lines lines(call.attr<SliceAttributes>(), x, y.shape);
  parallelFor(call.context->threads, lines.outer, lines.grain(), [&](int64_t begin, int64_t end) {
    for (auto line = static_cast<size_t>(begin); line < static_cast<size_t>(end); ++line)
      lines.eachRun([&](size_t whole, size_t part, size_t bytes) {
        std::memcpy(y.as<char>() + line * lines.partLine() + part,
                    x.as<const char>() + line * lines.wholeLine() + whole, bytes);
      });
  });
  return 0;
}

int32_t runSliceBackward(const OpCall& call) noexcept {
  const TensorView &dy = call.in[sliceBackward::kDy], &dx = call.out[sliceBackward::kDx];
  const Lines lines(call.attr<SliceAttributes>(), dx, dy.shape);
  if (dx.bytes() == 0) return 0;
  parallelFor(call.context->threads, lines.outer, lines.grain(), [&](int64_t begin, int64_t end) {
    for (auto line = static_cast<size_t>(begin); line < static_cast<size_t>(end); ++line) {
      char* to = dx.as<char>() + line * lines.wholeLine();
      std::memset(to, 0, lines.wholeLine());
      lines.eachRun([&](size_t whole, size_t part, size_t bytes) {
        std::memcpy(to + whole, dy.as<const char>() + line * lines.partLine() + part, bytes);
      });
    }
  });
  return 0;
}

KernelChoice describeSlice(const OpCall& call) noexcept {
  const bool forward = call.op == Op::Slice;
  const Lines lines(call.attr<SliceAttributes>(), forward ? call.in[0] : call.out[0],
                    forward ? call.out[0].shape : call.in[0].shape);
  return describeShared(call, "rows", lines.outer, lines.grain());
}

}  // namespace

const Kernel kSlice = {.name = "cpu.slice", .launch = runSlice, .describe = describeSlice};
const Kernel kSliceBackward = {
    .name = "cpu.sliceBackward", .launch = runSliceBackward, .describe = describeSlice};

}  // namespace sluice::cpu
