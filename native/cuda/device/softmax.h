// Softmax of what the members of a team have.
#pragma once

#include "cuda/device/team.h"

namespace sluice::cuda {

// put(k, e^x(k) / the sum of e^x) for each member that counts, put(k, 0) for the others, whose x is
// not asked for.
template <typename Counts, typename X, typename Put>
__device__ void softmax(const Team& team, int64_t members, const Counts& counts, const X& x,
                        const Put& put) {
  Largest largest;
  for (int64_t k = team.lane(); k < members; k += team.lanes())
    if (counts(k)) largest.merge({x(k)});
  const float most = team.merged(largest).value;
  const auto power = [&](int64_t k) { return counts(k) ? expf(x(k) - most) : 0.0f; };
  const float whole = sumOf(team, members, power);
  for (int64_t k = team.lane(); k < members; k += team.lanes())
    put(k, counts(k) ? power(k) / whole : 0.0f);
}

}  // namespace sluice::cuda
