#include "cuda/recurrent_pack.h"

#include "cuda/device/formats.h"
#include "cuda/launch.h"

namespace sluice::cuda {
namespace {

constexpr int kSide = 32, kLines = 8;  // of a square that a block turns

struct PackShape {
  int64_t H, rowFloats;  // of the recurrent kernel
  int32_t first, gates, plane, depth;
  int32_t tileUnits;
  bool back;
  int32_t planeStep, columnStep;  // from one gate to the next, in depth and columns
  int64_t units, unitStep;  // those that a gate fills, and from one gate's first to the next's
};

// A square of one gate's [H,H]: read along its rows, written along the packed form's.
template <class Format>
__global__ void packKernel(PackShape shape, const float* from, typename Format::Operand* to) {
  constexpr bool kDepthLast = Format::kPrecision != Precision::Float32;
  const int slot = blockIdx.z;  // a gate of the columns, or a plane of the depth
  const int64_t k0 = int64_t{blockIdx.x} * kSide, unit0 = int64_t{blockIdx.y} * kSide;
  float* square = sharedMemory<float>();  // [k][unit]
  const int64_t gate = (shape.first + slot) * shape.H;
  for (int line = threadIdx.y; line < kSide; line += kLines) {
    const int64_t k = k0 + (shape.back ? threadIdx.x : line);
    const int64_t unit = unit0 + (shape.back ? line : threadIdx.x);
    const int64_t row = shape.back ? unit : k, column = shape.back ? k : unit;
    const bool inside = k < shape.H && unit < shape.H;
    square[(k - k0) * (kSide + 1) + unit - unit0] =
        inside ? from[row * shape.rowFloats + gate + column] : 0.0f;
  }
  __syncthreads();
  const int64_t columns = int64_t{shape.gates} * shape.tileUnits;
  for (int line = threadIdx.y; line < kSide; line += kLines) {
    const int64_t k = k0 + (kDepthLast ? threadIdx.x : line);
    const int64_t unit = unit0 + (kDepthLast ? line : threadIdx.x);
    if (k >= shape.plane || unit >= shape.units) continue;
    const int64_t place = unit + slot * shape.unitStep, tile = place / shape.tileUnits;
    const int64_t depth = k + int64_t{slot} * shape.planeStep;
    const int64_t column = place % shape.tileUnits + int64_t{slot} * shape.columnStep;
    const int64_t at = kDepthLast ? column * shape.depth + depth : depth * columns + column;
    to[tile * columns * shape.depth + at] =
        Format::round(square[(k - k0) * (kSide + 1) + unit - unit0]);
  }
}

template <class Format>
int32_t pack(const OpCall& call, const PackShape& shape, int slots, const float* from,
             void* packed) {
  const Grid grid{
      dim3(static_cast<unsigned>(divideUp(shape.plane, kSide)),
           static_cast<unsigned>(divideUp(shape.units, kSide)), static_cast<unsigned>(slots)),
      dim3(kSide, kLines), kSide * (kSide + 1) * sizeof(float)};
  return launch(call, packKernel<Format>, grid, shape, from,
                static_cast<typename Format::Operand*>(packed));
}

template <class Format>
int32_t setRows(const OpCall& call, const OperandRows& rows, const float* from,
                typename Format::Operand* to) {
  const int64_t plane = operandPlane(rows.H, Format::kPrecision), ld = rows.planes * plane;
  return forEach(call, rows.B * ld, [=] __device__(int64_t i) {
    const int64_t b = i / ld, slot = i % ld / plane, j = i % plane;
    float value = 0;
    if (from != nullptr && j < rows.H && (slot == 0 || rows.masks != nullptr))
      value = from[b * rows.H + j] *
              (rows.masks != nullptr ? rows.masks[b * rows.maskRow + slot * rows.H + j] : 1.0f);
    to[i] = Format::round(value);
  });
}

}  // namespace

size_t packedBytes(const StepColumns& columns, StepTile tile, Precision precision) noexcept {
  const int64_t units = tileExtents(tile, columns.gates(), precision).units;
  return static_cast<size_t>(divideUp(columns.units(), units) * units * columns.gates() *
                             columns.depth(precision) * operandBytes(precision));
}

int32_t packColumns(const OpCall& call, const StepColumns& columns, StepTile tile,
                    const float* recurrentKernel, void* packed) noexcept {
  const Precision precision = call.context->precision;
  const int32_t units = tileExtents(tile, columns.gates(), precision).units;
  const int32_t plane = static_cast<int32_t>(operandPlane(columns.H, precision));
  const PackShape shape{columns.H,
                        columns.allGates * columns.H,
                        columns.first,
                        columns.gates(),
                        plane,
                        static_cast<int32_t>(columns.depth(precision)),
                        units,
                        columns.back,
                        columns.planes() > 1 ? plane : 0,
                        columns.gates() > 1 ? units : 0,
                        columns.flat ? columns.H : divideUp(columns.H, units) * units,
                        columns.flat && columns.sums() > 1 ? columns.H : 0};
  if (columns.apart || columns.flat) {
    const size_t floats = packedBytes(columns, tile, precision) / sizeof(float);
    if (const int32_t status =
            setValues(call, static_cast<int64_t>(floats), nullptr, static_cast<float*>(packed)))
      return status;
  }
  return withFormat(precision, [&](auto format) {
    return pack<decltype(format)>(call, shape, columns.count, recurrentKernel, packed);
  });
}

int32_t setOperand(const OpCall& call, const OperandRows& rows, const float* from,
                   void* operand) noexcept {
  return withFormat(call.context->precision, [&](auto format) {
    using Format = decltype(format);
    return setRows<Format>(call, rows, from, static_cast<typename Format::Operand*>(operand));
  });
}

}  // namespace sluice::cuda
