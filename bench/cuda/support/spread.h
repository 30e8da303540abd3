// Many times as a few numbers.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "support/json.h"

namespace bench {

// The median, and between which values eight of ten lie.
struct Spread {
  double median = 0;
  double low = 0;   // 10th percentile
  double high = 0;  // 90th
  int count = 0;
};

inline Spread spreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const size_t below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.5), at(0.1), at(0.9), static_cast<int>(values.size())};
}

inline std::string json(const Spread& spread) {
  return object({{"median", number(spread.median)},
                 {"low", number(spread.low)},
                 {"high", number(spread.high)},
                 {"count", integer(spread.count)}});
}

}  // namespace bench
