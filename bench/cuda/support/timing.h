// Times of work on the device: events around it, a warm-up before, the median and the spread after.
#pragma once

#include <vector>

#include "support/check.h"
#include "support/spread.h"

namespace bench {

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

namespace detail {
static __global__ void hold(unsigned long long nanoseconds) {
  unsigned long long start = 0, now = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (now - start < nanoseconds);
}
}  // namespace detail

// Keeps the stream busy for so long: what is put there meanwhile follows without gaps, however long
// the host takes over each launch.
inline void hold(cudaStream_t stream, double microseconds) {
  detail::hold<<<1, 1, 0, stream>>>(static_cast<unsigned long long>(1e3 * microseconds));
  checkLaunch("hold");
}

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
