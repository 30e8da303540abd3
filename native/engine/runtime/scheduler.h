// The one place where compute happens: a single thread that owns the OpenMP team (libgomp keeps a
// team per calling thread, so several callers would oversubscribe the machine). Inference goes
// first: waiting inference jobs also run between the ops of a training step.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace sluice {

enum class Priority { Inference, Training };

class Scheduler {
 public:
  static Scheduler& instance();

  // Runs `job` on the compute thread. A job must not throw.
  void submit(Priority priority, std::function<void()> job);
  // Called by a training job between its ops: runs the inference jobs that wait, in place.
  void yieldToInference();
  // Whether the caller is a job.
  bool isComputeThread() const { return thread_.load() == std::this_thread::get_id(); }

 private:
  Scheduler() = default;
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> inference_;
  std::deque<std::function<void()>> training_;
  std::atomic<int> waitingInference_{0};
  bool started_ = false;
  std::atomic<std::thread::id> thread_{};
};

}  // namespace sluice
