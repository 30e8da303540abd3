#include "engine/runtime/scheduler.h"

#include <pthread.h>

#include <system_error>
#include <utility>

#include "engine/runtime/threads.h"

namespace sluice {
namespace {

std::function<void()> takeFrom(std::deque<std::function<void()>>& jobs) {
  std::function<void()> job = std::move(jobs.front());
  jobs.pop_front();
  return job;
}

}  // namespace

Scheduler& Scheduler::instance() {
  // Never destroyed: its threads live until the process ends.
  static Scheduler* scheduler = new Scheduler;
  return *scheduler;
}

bool Scheduler::isJob() const {
  const std::thread::id self = std::this_thread::get_id();
  return self == thread_.load() || self == promptThread_.load();
}

int Scheduler::threads() const {
  return std::this_thread::get_id() == promptThread_.load() ? 1 : threadInfo().count;
}

void Scheduler::start(void (Scheduler::*loop)(), const char* name) {
  std::thread([this, loop, name] {
    pthread_setname_np(pthread_self(), name);
    (this->*loop)();
  }).detach();
}

void Scheduler::submit(Priority priority, std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (!started_) {
    start(&Scheduler::loop, "sluice-compute");
    started_ = true;
  }
  if (priority == Priority::Training) {
    training_.push_back(std::move(job));
  } else {
    (priority == Priority::Prompt ? prompt_ : inference_).push_back(std::move(job));
    waitingInference_.fetch_add(1, std::memory_order_release);
  }
  if (!busy_)
    wake_.notify_one();
  else if (priority == Priority::Prompt)
    startPrompt();
}

void Scheduler::startPrompt() {
  if (!promptStarted_) {
    try {
      start(&Scheduler::promptLoop, "sluice-prompt");
      promptStarted_ = true;
    } catch (const std::system_error&) {
      // The system grants no more threads: the job runs when the op under way is done.
    }
  }
  wakePrompt_.notify_one();
}

std::optional<std::function<void()>> Scheduler::nextInference() {
  if (prompt_.empty() && inference_.empty()) return std::nullopt;
  waitingInference_.fetch_sub(1, std::memory_order_release);
  return takeFrom(prompt_.empty() ? inference_ : prompt_);
}

void Scheduler::yieldToInference() {
  while (waitingInference_.load(std::memory_order_acquire) > 0) {
    std::optional<std::function<void()>> job;
    {
      const std::lock_guard lock(mutex_);
      job = nextInference();
    }
    if (!job) return;
    (*job)();
  }
}

void Scheduler::loop() {
  thread_.store(std::this_thread::get_id());
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      wake_.wait(lock,
                 [this] { return !prompt_.empty() || !inference_.empty() || !training_.empty(); });
      auto next = nextInference();
      job = next ? *std::move(next) : takeFrom(training_);
      busy_ = true;
      if (!prompt_.empty()) startPrompt();
    }
    job();
  }
}

void Scheduler::promptLoop() {
  promptThread_.store(std::this_thread::get_id());
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      // While the other thread is idle the job is its own: it has the team.
      wakePrompt_.wait(lock, [this] { return busy_ && !prompt_.empty(); });
      waitingInference_.fetch_sub(1, std::memory_order_release);
      job = takeFrom(prompt_);
    }
    job();
  }
}

}  // namespace sluice
