#include "engine/runtime/cgroup.h"

#include <algorithm>
#include <fstream>

namespace sluice {

// Lines are "0::/a/b" for v2 and "n:cpu,cpuacct:/a/b" for v1.
std::string cgroupPath(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool match = controller.empty() ? names == ",,"
                                          : names.find("," + controller + ",") != std::string::npos;
    if (match) return line.substr(second + 1);
  }
  return "";
}

std::optional<double> tightestCgroup(
    const std::string& mount, std::string path,
    const std::function<std::optional<double>(const std::string&)>& read) {
  std::optional<double> least;
  for (;;) {
    if (const std::optional<double> value = read(mount + (path == "/" ? "" : path)))
      least = std::min(least.value_or(*value), *value);
    if (path.empty() || path == "/") return least;
    path.resize(path.find_last_of('/'));
  }
}

}  // namespace sluice
