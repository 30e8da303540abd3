// A word through the second-level cache: one block stores it, others see it and answer, each by
// memory that was filled with a sentinel before.
#include "support/device.h"
#include "support/launch.h"
#include "support/program.h"

namespace {

using namespace bench;

constexpr int kThreads = 256;
constexpr int kRepeats = 11;
constexpr uint32_t kSentinel = 0xffffffffu;
constexpr size_t kAlone = 120 * 1024;  // shared memory that keeps other blocks off a multiprocessor

constexpr int kMessageStride = 32;  // in words: lines and sectors of their own
constexpr int kReplyStride = 8;

struct PingTimes {
  unsigned long long* stored;  // [rounds], by the global timer
  unsigned long long* seen;    // [rounds][readers]
};

__global__ void __launch_bounds__(kThreads, 1)
    ping(int rounds, uint32_t* messages, uint32_t* replies, PingTimes times, Interval* interval,
         int* wrong, int* failed) {
  const int readers = static_cast<int>(gridDim.x) - 1;
  Patience patience(failed);
  IntervalClock clock;
  if (blockIdx.x == 0) {
    const int reader = static_cast<int>(threadIdx.x);
    clock.start();
    for (int t = 0; t < rounds; ++t) {
      if (threadIdx.x == 0) {
        times.stored[t] = nanoseconds();
        storeRelaxed(messages + t * kMessageStride, static_cast<uint32_t>(t));
      }
      if (reader < readers) {
        const uint32_t* from =
            replies + (static_cast<int64_t>(t) * readers + reader) * kReplyStride;
        uint32_t answer = kSentinel;
        patience.waitFor([&] { return (answer = loadRelaxed(from)) != kSentinel; });
        if (answer != static_cast<uint32_t>(t + reader)) atomicAdd(wrong, 1);
      }
      __syncthreads();
    }
    if (threadIdx.x == 0) *interval = clock.stop();
  } else if (threadIdx.x == 0) {
    const int reader = static_cast<int>(blockIdx.x) - 1;
    for (int t = 0; t < rounds; ++t) {
      uint32_t message = kSentinel;
      patience.waitFor(
          [&] { return (message = loadRelaxed(messages + t * kMessageStride)) != kSentinel; });
      const int64_t place = static_cast<int64_t>(t) * readers + reader;
      storeRelaxed(replies + place * kReplyStride, message + static_cast<uint32_t>(reader));
      times.seen[place] = nanoseconds();
    }
  }
}

// The smallest step of the global timer.
__global__ void readTimer(unsigned long long* out) {
  unsigned long long smallest = ~0ull, before = nanoseconds();
  for (int i = 0; i < 20000; ++i) {
    const unsigned long long now = nanoseconds();
    if (now != before && now - before < smallest) smallest = now - before;
    before = now;
  }
  *out = smallest;
}

double timerStep() {
  Buffer<unsigned long long> out(1);
  readTimer<<<1, 1>>>(out.data());
  checkLaunch("readTimer");
  unsigned long long step = 0;
  out.get(&step);
  return static_cast<double>(step);
}

void measurePing(Report& report, int readers, double timerNs) {
  constexpr int kRounds = 512;
  const size_t replyCount = static_cast<size_t>(kRounds) * readers;
  Buffer<uint32_t> messages(kRounds * kMessageStride), replies(replyCount * kReplyStride);
  Buffer<unsigned long long> stored(kRounds), seen(replyCount);
  Buffer<Interval> interval(1);
  Buffer<int> wrong(1), failed(1);
  wrong.fillBytes(0);
  failed.fillBytes(0);
  allowMuch(ping, kAlone, false);
  Launch launch;
  launch.blocks = static_cast<unsigned>(readers) + 1;
  launch.threads = kThreads;
  launch.sharedBytes = kAlone;
  launch.cooperative = true;
  std::vector<double> roundNs, roundClocks, seenNs;
  bool valid = true;
  for (int repeat = -2; repeat < kRepeats && valid; ++repeat) {
    messages.fillBytes(0xff);
    replies.fillBytes(0xff);
    run(launch, ping, kRounds, messages.data(), replies.data(),
        PingTimes{stored.data(), seen.data()}, interval.data(), wrong.data(), failed.data());
    synchronize("ping");
    int counts[2];
    wrong.get(&counts[0]);
    failed.get(&counts[1]);
    valid = counts[0] == 0 && counts[1] == 0;
    if (repeat < 0) continue;
    Interval took{};
    interval.get(&took);
    roundNs.push_back(static_cast<double>(took.nanoseconds) / kRounds);
    roundClocks.push_back(static_cast<double>(took.clocks) / kRounds);
    std::vector<unsigned long long> from(kRounds), to(replyCount);
    stored.get(from.data());
    seen.get(to.data());
    for (size_t i = 0; i < replyCount; ++i)
      seenNs.push_back(static_cast<double>(to[i]) -
                       static_cast<double>(from[i / static_cast<size_t>(readers)]));
  }
  report.add({{"readers", integer(readers)},
              {"roundNs", json(spreadOf(roundNs))},
              {"roundClocks", json(spreadOf(roundClocks))},
              {"seenNs", json(spreadOf(seenNs))},
              {"timerStepNs", number(timerNs)}},
             valid);
}

void measure(const Machine& machine, Report& report) {
  const double timerNs = timerStep();
  for (const int readers : {1, 32, 64, 128})
    if (readers + 1 <= machine.multiprocessors()) measurePing(report, readers, timerNs);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::runProgram(
      argc, argv,
      "block 0 stores a word, each reader answers, block 0 waits for all answers: roundNs; seenNs: "
      "from just before the store until behind a reader's answer, by the global timer with its "
      "step",
      measure);
}
