// What the figures were measured on, and the most that it can do.
#pragma once

#include <cuda_runtime.h>

#include <string>
#include <vector>

#include "support/check.h"
#include "support/clock.h"
#include "support/json.h"

namespace bench {

// Multiply-adds that a multiprocessor can start a clock, by the number type of the operands; sums
// are float32. From the data sheets: dense rates over multiprocessors, boost clock and 2.
struct Rates {
  int major;
  int minor;
  double fp32;
  double tf32;
  double half;  // float16 and bfloat16
};
constexpr Rates kRates[] = {
    {8, 0, 64, 512, 1024},     // A100
    {9, 0, 128, 1024, 2048},   // H100, H200
    {10, 0, 128, 2048, 4096},  // B200
};

namespace detail {
// Counts clocks of one multiprocessor for a while of the global timer.
static __global__ void countClocks(unsigned long long* out) {
  unsigned long long start = 0, now = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  const long long first = clock64();
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (now - start < 20000000ull);
  out[0] = static_cast<unsigned long long>(clock64() - first);
  out[1] = now - start;
}
}  // namespace detail

class Machine {
 public:
  Machine() {
    check(cudaGetDeviceProperties(&properties_, 0), "cudaGetDeviceProperties");
    check(cudaDeviceGetAttribute(&clockKHz_, cudaDevAttrClockRate, 0), "clock rate");
    Buffer<unsigned long long> out(2);
    for (int i = 0; i < 2; ++i) detail::countClocks<<<1, 1>>>(out.data());
    checkLaunch("countClocks");
    unsigned long long counted[2];
    out.get(counted);
    measuredMHz_ = 1e3 * static_cast<double>(counted[0]) / static_cast<double>(counted[1]);
  }

  const cudaDeviceProp& properties() const { return properties_; }
  int multiprocessors() const { return properties_.multiProcessorCount; }
  bool isAtLeast(int major) const { return properties_.major >= major; }
  double measuredMHz() const { return measuredMHz_; }

  // Null where this program knows none.
  const Rates* rates() const {
    for (const Rates& rates : kRates)
      if (rates.major == properties_.major && rates.minor == properties_.minor) return &rates;
    return nullptr;
  }

  // Multiply-adds a second at the highest clock of all multiprocessors, of `ratePerClock` each.
  double peak(double ratePerClock) const {
    return ratePerClock * multiprocessors() * 1e3 * static_cast<double>(clockKHz_);
  }

  std::string json() const {
    int driver = 0, runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    const auto version = [](int v) {
      return text(std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10));
    };
    const Rates* r = rates();
    std::vector<Member> members = {
        {"gpu", text(properties_.name)},
        {"computeCapability",
         text(std::to_string(properties_.major) + "." + std::to_string(properties_.minor))},
        {"multiprocessors", integer(multiprocessors())},
        {"highestClockMHz", number(clockKHz_ / 1e3)},
        {"measuredClockMHz", number(measuredMHz_)},
        {"memoryGiB", number(static_cast<double>(properties_.totalGlobalMem >> 20) / 1024)},
        {"l2MiB", number(properties_.l2CacheSize / 1048576.0)},
        {"driver", version(driver)},
        {"runtime", version(runtime)},
        {"date", text(today())}};
    if (r) {
      members.push_back({"macsPerClock", object({{"fp32", number(r->fp32)},
                                                 {"tf32", number(r->tf32)},
                                                 {"half", number(r->half)}})});
    }
    return object(members);
  }

 private:
  cudaDeviceProp properties_{};
  int clockKHz_ = 0;
  double measuredMHz_ = 0;
};

}  // namespace bench
