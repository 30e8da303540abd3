// What one row of Elementwise reads.
#pragma once

#include <cstdint>

#include "engine/backend/op.h"

namespace sluice::cpu {

struct RowOperands {
  const float* at[kMaxOperands] = {};  // null: there is none
  bool stands[kMaxOperands] = {};      // the same number all along the row

  float get(int operand, int64_t i) const {
    if (!at[operand]) return 1;
    return at[operand][stands[operand] ? 0 : i];
  }
};

}  // namespace sluice::cpu
