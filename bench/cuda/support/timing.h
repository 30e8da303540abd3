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
