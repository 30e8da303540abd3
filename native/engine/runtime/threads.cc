#include "engine/runtime/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <string>

#include "engine/core/error.h"
#include "engine/runtime/cgroup.h"

namespace sluice {
namespace {

std::atomic<int> requestedThreads{0};
constexpr int kMaxThreads = 1024;

int affinityCount() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

std::optional<double> quotaV2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
  return std::atof(quota.c_str()) / period;
}

std::optional<double> quotaV1(const std::string& folder) {
  double quota = 0, period = 0;
  std::ifstream quotaFile(folder + "/cpu.cfs_quota_us"), periodFile(folder + "/cpu.cfs_period_us");
  if (!(quotaFile >> quota) || !(periodFile >> period) || quota <= 0 || period <= 0)
    return std::nullopt;
  return quota / period;
}

std::optional<double> cgroupQuota() {
  if (const auto quota = tightestCgroup("/sys/fs/cgroup", cgroupPath(""), quotaV2)) return quota;
  return tightestCgroup("/sys/fs/cgroup/cpu", cgroupPath("cpu"), quotaV1);
}

}  // namespace

ThreadInfo threadInfo() {
  // Read once: files and system calls have no place in a step.
  static const int affinity = affinityCount();
  static const std::optional<double> quota = cgroupQuota();
  ThreadInfo info;
  info.affinity = affinity;
  info.cgroupQuota = quota;
  info.count = affinity;
  if (quota)
    info.count = std::min(affinity, std::max(1, static_cast<int>(std::floor(*quota + 0.5))));
  if (const int requested = requestedThreads.load()) {
    info.requested = requested;
    info.count = requested;
  }
  return info;
}

void setThreads(int count) {
  if (count < 0 || count > kMaxThreads)
    fail(Code::InvalidArgument, cat("threads must be 0 to ", kMaxThreads, ", received ", count),
         {.option = "threads", .expected = cat("0..", kMaxThreads), .received = cat(count)});
  requestedThreads.store(count);
}

}  // namespace sluice
