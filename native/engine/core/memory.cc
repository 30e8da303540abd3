#include "engine/core/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "engine/core/error.h"
#include "engine/runtime/cgroup.h"

namespace sluice {
namespace {

// Small requests are not worth three file reads.
constexpr size_t kAlwaysThere = size_t{16} << 20;

const char* const kMountV2 = "/sys/fs/cgroup";
const char* const kMountV1 = "/sys/fs/cgroup/memory";

std::optional<double> number(const std::string& path) {
  std::ifstream file(path);
  double value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

// Page cache that can be dropped counts as free.
double reclaimable(const std::string& folder) {
  std::ifstream file(folder + "/memory.stat");
  std::string key;
  for (double value = 0; file >> key >> value;)
    if (key == "inactive_file" || key == "total_inactive_file") return value;
  return 0;
}

std::optional<double> leftV2(const std::string& folder) {
  const auto limit = number(folder + "/memory.max"), used = number(folder + "/memory.current");
  if (!limit || !used) return std::nullopt;
  return *limit - *used + reclaimable(folder);
}

std::optional<double> leftV1(const std::string& folder) {
  const auto limit = number(folder + "/memory.limit_in_bytes");
  const auto used = number(folder + "/memory.usage_in_bytes");
  if (!limit || !used) return std::nullopt;
  return *limit - *used + reclaimable(folder);
}

std::optional<double> limitV2(const std::string& folder) { return number(folder + "/memory.max"); }

std::optional<double> limitV1(const std::string& folder) {
  return number(folder + "/memory.limit_in_bytes");
}

// "MemAvailable:" or "MemTotal:"
double machine(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  for (double value = 0; file >> key >> value;) {
    std::getline(file, unit);
    if (key == name) return value * 1024;
  }
  return std::numeric_limits<double>::max();
}

size_t bytes(double value) { return static_cast<size_t>(std::clamp(value, 0.0, 0x1p62)); }

}  // namespace

size_t availableMemory() {
  double least = machine("MemAvailable:");
  if (const auto left = tightestCgroup(kMountV2, cgroupPath(""), leftV2))
    least = std::min(least, *left);
  else if (const auto old = tightestCgroup(kMountV1, cgroupPath("memory"), leftV1))
    least = std::min(least, *old);
  return bytes(least);
}

MemoryInfo memoryInfo() {
  double limit = machine("MemTotal:");
  MemoryInfo info;
  const auto consider = [&](const std::optional<double>& found, const char* source) {
    // A v1 group without a limit has one near 2^63.
    if (!found || *found >= limit) return;
    limit = *found;
    info.source = source;
  };
  consider(tightestCgroup(kMountV2, cgroupPath(""), limitV2), "cgroup v2");
  consider(tightestCgroup(kMountV1, cgroupPath("memory"), limitV1), "cgroup v1");
  info.limit = bytes(limit);
  info.available = availableMemory();
  return info;
}

void requireMemory(size_t needed, const std::string& what) {
  if (needed <= kAlwaysThere) return;
  const size_t available = availableMemory();
  if (needed <= available) return;
  fail(Code::OutOfMemory,
       cat(what, " needs ", needed, " bytes, ", available, " bytes are available"),
       {.expected = cat(needed, " bytes"), .received = cat(available, " bytes available")});
}

int64_t requireElements(const Shape& shape, const std::string& name) {
  int64_t n = 1;
  for (int i = 0; i < shape.rank; ++i)
    if (__builtin_mul_overflow(n, shape[i], &n) || n > kMaxElements)
      fail(Code::OutOfMemory,
           cat(name, " ", toString(shape), " has more elements than any machine holds"),
           {.layer = name.substr(0, name.find('/')), .received = toString(shape)});
  return n;
}

}  // namespace sluice
