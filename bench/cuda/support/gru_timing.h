// Times of one training step of a GRU in its parts, on whatever library.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "support/clock.h"
#include "support/gru_cases.h"
#include "support/machine.h"
#include "support/timing.h"

namespace bench {

constexpr double kSecondsPerCase = 0.15;
constexpr int kMostRepeats = 20;
constexpr int kFewestRepeats = 5;
// A GPU that had nothing to do takes a while until its clock is high.
constexpr double kWarmupSeconds = 0.05;
constexpr int kFewestWarmups = 2;
// How long the stream is held: a little, and twice what the host takes to fill it; not for ever.
constexpr double kHoldUs = 200, kLongestHoldUs = 20000;

// The parts of an iteration, each between two events; what `before(part)` does is not timed.
class PartTimer {
 public:
  explicit PartTimer(size_t parts) : times_(parts), hostTimes_(parts) {
    for (size_t i = 0; i < parts; ++i) events_.push_back(std::make_unique<Pair>());
  }

  // `run(part)` and `before(part)` put work into the stream. All of an iteration is put there
  // behind a kernel that waits until it is there: parts follow each other as they would in
  // training, and the first one's time does not hold that of its launch.
  template <typename Before, typename Run>
  void repeat(cudaStream_t stream, Before&& before, Run&& run) {
    const auto iterate = [&](double holdUs) {
      hold(stream, holdUs);
      const Clock clock;
      for (size_t part = 0; part < events_.size(); ++part) {
        before(part);
        events_[part]->start.record(stream);
        const Clock host;
        run(part);
        events_[part]->hostUs = 1e6 * host.seconds();
        events_[part]->end.record(stream);
      }
      const double hostUs = 1e6 * clock.seconds();
      events_.back()->end.wait();
      return std::min(kHoldUs + 2 * hostUs, kLongestHoldUs);
    };
    double holdUs = kHoldUs;
    const Clock warmup;
    for (int i = 0; i < kFewestWarmups || warmup.seconds() < kWarmupSeconds; ++i)
      holdUs = iterate(kHoldUs);
    const Clock clock;
    for (int i = 0; i < kMostRepeats; ++i) {
      if (i >= kFewestRepeats && clock.seconds() > kSecondsPerCase) break;
      iterate(holdUs);
      for (size_t part = 0; part < events_.size(); ++part) {
        const Pair& pair = *events_[part];
        times_[part].push_back(pair.end.microsecondsSince(pair.start));
        hostTimes_[part].push_back(pair.hostUs);
      }
    }
  }

  Spread spread(size_t part) const { return spreadOf(times_[part]); }
  // Until the calls that put the part into the stream had returned.
  Spread hostSpread(size_t part) const { return spreadOf(hostTimes_[part]); }

 private:
  struct Pair {
    Event start, end;
    double hostUs = 0;
  };
  std::vector<std::unique_ptr<Pair>> events_;
  std::vector<std::vector<double>> times_, hostTimes_;
};

// The part of the device's peak at its highest clock that so many multiply-adds in so long a time
// are; NaN, which JSON has as null, where the peak is not known.
inline double shareOfPeak(const Machine& machine, Numbers numbers, double macs, double us) {
  const Rates* rates = machine.rates();
  if (!rates) return NAN;
  const double rate = numbers == Numbers::Float32         ? rates->fp32
                      : numbers == Numbers::TensorFloat32 ? rates->tf32
                                                          : rates->half;
  return macs / (us * 1e-6) / machine.peak(rate);
}

// Of a pass over all steps: its time on the device, the host's for putting it there, the time of a
// step, and the share of the peak.
inline Member passMember(const char* name, const Machine& machine, const GruCase& c, double macs,
                         const PartTimer& timer, size_t part) {
  const Spread us = timer.spread(part);
  return {name,
          object({{"us", json(us)},
                  {"hostUs", json(timer.hostSpread(part))},
                  {"usPerStep", number(us.median / c.sizes.steps)},
                  {"shareOfPeak", number(shareOfPeak(machine, c.numbers, macs, us.median))}})};
}

}  // namespace bench
