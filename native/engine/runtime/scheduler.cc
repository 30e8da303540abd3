#include "engine/runtime/scheduler.h"

#include <pthread.h>

namespace sluice {

Scheduler& Scheduler::instance() {
  // Never destroyed: its thread lives until the process ends.
  static Scheduler* scheduler = new Scheduler;
  return *scheduler;
}

void Scheduler::submit(Priority priority, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (!started_) {
      std::thread([this] {
        pthread_setname_np(pthread_self(), "sluice-compute");
        loop();
      }).detach();
      started_ = true;
    }
    if (priority == Priority::Inference) {
      inference_.push_back(std::move(job));
      waitingInference_.fetch_add(1, std::memory_order_release);
    } else {
      training_.push_back(std::move(job));
    }
  }
  wake_.notify_one();
}

void Scheduler::yieldToInference() {
  while (waitingInference_.load(std::memory_order_acquire) > 0) {
    std::function<void()> job;
    {
      const std::lock_guard lock(mutex_);
      if (inference_.empty()) return;
      job = std::move(inference_.front());
      inference_.pop_front();
      waitingInference_.fetch_sub(1, std::memory_order_release);
    }
    job();
  }
}

void Scheduler::loop() {
  thread_.store(std::this_thread::get_id());
  for (;;) {
    yieldToInference();
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !inference_.empty() || !training_.empty(); });
      if (!inference_.empty()) continue;
      job = std::move(training_.front());
      training_.pop_front();
    }
    job();
  }
}

}  // namespace sluice
