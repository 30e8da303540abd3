// Which tiles a step's kernel can have, and which one a call takes.
#pragma once

#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cuda {

// By how many rows a call has: few (16 with the columns of 4 or 8 units, the depth split), some
// (32 or 64), many (64 or 128).
enum class StepTile : int32_t { Few, Some, Many };

// A product of a step: of how many columns a unit has.
struct StepShape {
  int64_t rows = 0, units = 0;
  int gates = 0;
  Precision precision = Precision::Float32;
};

// The one that should take the least time on a large device. Bits do not depend on it.
StepTile chooseStepTile(const StepShape& shape) noexcept;

struct TileExtents {
  int32_t rows = 0, units = 0;
  const char* how = nullptr;  // for people
};
TileExtents tileExtents(StepTile tile, int gates, Precision precision) noexcept;

inline int64_t operandBytes(Precision precision) {
  return precision == Precision::BFloat16 || precision == Precision::Float16 ? 2 : 4;
}
// Elements of a plane of operands: rows and planes begin on boundaries of 16 bytes.
inline int64_t operandPlane(int64_t units, Precision precision) {
  const int64_t each = 16 / operandBytes(precision);
  return (units + each - 1) / each * each;
}

}  // namespace sluice::cuda
