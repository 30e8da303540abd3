// The one place that decides how many compute threads there are: affinity mask and cgroup CPU
// quota, then the user's setting.
#pragma once

#include <optional>

namespace sluice {

struct ThreadInfo {
  int count = 1;                      // what runs use
  int affinity = 1;                   // processors this process may run on
  std::optional<double> cgroupQuota;  // processors' worth of time, where one is set
  std::optional<int> requested;       // setThreads
};

ThreadInfo threadInfo();
// 0: back to the machine's choice. Takes effect at the next run.
void setThreads(int count);

}  // namespace sluice
