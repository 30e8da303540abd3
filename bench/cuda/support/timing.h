// Times of work on the device: events around it, a warm-up before, the median and the spread after.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "support/check.h"
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

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "cudaEventCreate"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(event_); }

  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  void wait() { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }
  double microsecondsSince(const Event& start) const {
    float ms = 0;
    check(cudaEventElapsedTime(&ms, start.event_, event_), "cudaEventElapsedTime");
    return 1e3 * static_cast<double>(ms);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

class Stream {
 public:
  Stream() {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// How long the host has been at it.
class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Microseconds of `work(stream)` on the device, repeated; the first `warmups` are not counted.
template <typename Work>
std::vector<double> timed(cudaStream_t stream, int warmups, int repeats, Work&& work) {
  std::vector<double> times;
  Event start, end;
  for (int i = 0; i < warmups + repeats; ++i) {
    start.record(stream);
    work(stream);
    end.record(stream);
    end.wait();
    if (i >= warmups) times.push_back(end.microsecondsSince(start));
  }
  return times;
}

}  // namespace bench
