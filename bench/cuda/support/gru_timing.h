// Times of one training step of a GRU in its parts, on whatever library.
#pragma once

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

// The parts of an iteration, each between two events; what `between(part)` does is not timed.
class PartTimer {
 public:
  explicit PartTimer(size_t parts) : times_(parts) {
    for (size_t i = 0; i < parts; ++i) events_.push_back(std::make_unique<Pair>());
  }

  // `run(part)` and `before(part)` put work into the stream. All of an iteration is put there
  // before anything is waited for, so that parts follow each other as they would in training.
  template <typename Before, typename Run>
  void repeat(cudaStream_t stream, Before&& before, Run&& run) {
    const Clock clock;
    for (int i = -2; i < kMostRepeats; ++i) {
      if (i >= kFewestRepeats && clock.seconds() > kSecondsPerCase) break;
      for (size_t part = 0; part < events_.size(); ++part) {
        before(part);
        events_[part]->start.record(stream);
        run(part);
        events_[part]->end.record(stream);
      }
      events_.back()->end.wait();
      if (i < 0) continue;
      for (size_t part = 0; part < events_.size(); ++part)
        times_[part].push_back(events_[part]->end.microsecondsSince(events_[part]->start));
    }
  }

  Spread spread(size_t part) const { return spreadOf(times_[part]); }

 private:
  struct Pair {
    Event start, end;
  };
  std::vector<std::unique_ptr<Pair>> events_;
  std::vector<std::vector<double>> times_;
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

// Of a pass over all steps: its time, the time of a step, and the share of the peak.
inline Member passMember(const char* name, const Machine& machine, const GruCase& c, double macs,
                         const Spread& us) {
  return {name,
          object({{"us", json(us)},
                  {"usPerStep", number(us.median / c.sizes.steps)},
                  {"shareOfPeak", number(shareOfPeak(machine, c.numbers, macs, us.median))}})};
}

}  // namespace bench
