#include "engine/runtime/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/runtime/threads.h"

namespace sluice {
namespace {

// Long enough for any machine; a test that works never waits for it.
constexpr std::chrono::seconds kPatience{60};

// Submits a job and gives the future of what it returns.
template <typename Make>
auto submit(Priority priority, Make make) {
  using Result = decltype(make());
  auto promise = std::make_shared<std::promise<Result>>();
  Scheduler::instance().submit(priority, [promise, make] { promise->set_value(make()); });
  return promise->get_future();
}

bool isReady(const std::future<int>& future, std::chrono::seconds patience = kPatience) {
  return future.wait_for(patience) == std::future_status::ready;
}

// A training job that is under way until it is let go.
class Training {
 public:
  Training() {
    std::promise<void> started;
    done_ = submit(Priority::Training, [&started, until = until_.get_future().share()] {
      started.set_value();
      return until.wait_for(kPatience) == std::future_status::ready ? 1 : 0;
    });
    started.get_future().wait();
  }
  ~Training() { finish(); }
  // 1 unless it lost patience.
  int finish() {
    if (done_.valid()) {
      until_.set_value();
      result_ = done_.get();
    }
    return result_;
  }

 private:
  std::promise<void> until_;
  std::future<int> done_;
  int result_ = 0;
};

TEST(Scheduler, RunsAPromptJobBesideATrainingJob) {
  Training training;
  const auto prompt = submit(Priority::Prompt, [] { return 7; });
  EXPECT_TRUE(isReady(prompt)) << "it waited for the training job";
  EXPECT_EQ(training.finish(), 1);
}

TEST(Scheduler, GivesAllThreadsToAJobOnItsOwn) {
  const auto threads = [] { return Scheduler::instance().threads(); };
  const auto until = std::chrono::steady_clock::now() + kPatience;
  int given = 0;
  // A job tells its end before it is quite over: the next one may count as beside it.
  while (given != threadInfo().count && std::chrono::steady_clock::now() < until)
    given = submit(Priority::Prompt, threads).get();
  EXPECT_EQ(given, threadInfo().count);
}

TEST(Scheduler, GivesOneThreadToAJobBesideAnother) {
  Training training;
  auto beside = submit(Priority::Prompt, [] { return Scheduler::instance().threads(); });
  ASSERT_TRUE(isReady(beside));
  EXPECT_EQ(beside.get(), 1);
}

TEST(Scheduler, KnowsItsJobs) {
  const auto isJob = [] { return Scheduler::instance().isJob() ? 1 : 0; };
  EXPECT_EQ(isJob(), 0);
  EXPECT_EQ(submit(Priority::Inference, isJob).get(), 1);
  Training training;
  auto beside = submit(Priority::Prompt, isJob);
  ASSERT_TRUE(isReady(beside));
  EXPECT_EQ(beside.get(), 1);
}

TEST(Scheduler, LeavesOtherInferenceToTheOpsOfTraining) {
  std::string order;
  std::promise<void> started, go;
  auto training = submit(Priority::Training, [&, until = go.get_future().share()] {
    started.set_value();
    until.wait();
    order += "op ";
    Scheduler::instance().yieldToInference();
    order += "op ";
    return 0;
  });
  started.get_future().wait();
  auto inference = submit(Priority::Inference, [&] {
    order += "inference ";
    return 0;
  });
  EXPECT_FALSE(isReady(inference, std::chrono::seconds(0)));
  go.set_value();
  training.get();
  EXPECT_EQ(order, "op inference op ");
}

TEST(Scheduler, RunsInferenceBeforeTrainingThatWaits) {
  std::string order;
  Training training;
  auto later = submit(Priority::Training, [&] {
    order += "training ";
    return 0;
  });
  auto inference = submit(Priority::Inference, [&] {
    order += "inference ";
    return 0;
  });
  training.finish();
  later.get();
  inference.get();
  EXPECT_EQ(order, "inference training ");
}

TEST(Scheduler, LosesNoJobWhenManyThreadsSubmit) {
  constexpr int kThreads = 4, kJobs = 500;
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::future<int>> futures;
      for (int i = 0; i < kJobs; ++i) {
        const auto priority = static_cast<Priority>((t + i) % 3);
        futures.push_back(submit(priority, [&done, priority] {
          if (priority == Priority::Training) Scheduler::instance().yieldToInference();
          return ++done;
        }));
      }
      for (auto& future : futures) EXPECT_TRUE(isReady(future));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done.load(), kThreads * kJobs);
}

}  // namespace
}  // namespace sluice
