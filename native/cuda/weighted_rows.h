// What losses and metrics add up over rows: weight times value, and weight.
#pragma once

#include "cuda/groups.h"
#include "engine/backend/row_weights.h"

namespace sluice::cuda {

inline size_t weightedRowsScratchBytes(int64_t rows) {
  return static_cast<size_t>(rows) * sizeof(double) +
         reduceScratchBytes<TwoSums<double>>(Groups::one(rows));
}

// value(team, row, members, weight) is the row's value, for each lane of its team, which all come.
// Where the weight is 0 it may be anything, and what stands in the row is not to be looked at.
template <typename Value>
int32_t sumWeightedRows(const OpCall& call, const Shape& shape, const RowWeights& weights,
                        double* sums, Value value) noexcept {
  const int64_t rows = shape.rows();
  auto* values = static_cast<double*>(call.scratch);
  const int32_t status = forEachGroup(
      call, Groups(rows, shape.last(), false),
      [=] __device__(const Team& team, int64_t row, int64_t members) {
        const double own = value(team, row, members, members > 0 ? weights.of(row) : 0);
        if (row < rows && team.lane() == 0) values[row] = own;
      });
  if (status != 0) return status;
  return reduceGroups<TwoSums<double>>(
      call, Groups::one(rows), values + rows,
      [=] __device__(TwoSums<double> & all, int64_t, int64_t row) {
        const double weight = weights.of(row);
        if (weight != 0) all.merge({weight * values[row], weight});
      },
      [=] __device__(int64_t, const TwoSums<double>& all) {
        sums[0] = all.first;
        sums[1] = all.second;
      });
}

}  // namespace sluice::cuda
