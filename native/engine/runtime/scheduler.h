// Where compute happens: one thread that owns the OpenMP team (libgomp keeps a team per calling
// thread, so several callers would oversubscribe the machine), and beside it one that runs small
// predictions alone, without a team. Inference goes first: what waits also runs between the ops of
// a training step, and a small prediction does not even wait for the op to end: at 512 units that
// is tens of milliseconds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace sluice {

enum class Priority {
  Prompt,     // inference that one thread does in a few milliseconds
  Inference,  // other inference
  Training,   // everything else
};

class Scheduler {
 public:
  static Scheduler& instance();

  // Runs `job` on one of the two threads. A job must not throw.
  void submit(Priority priority, std::function<void()> job);
  // Called by a training job between its ops: runs the inference jobs that wait, in place.
  void yieldToInference();
  // Whether the caller is a job.
  bool isJob() const;
  // How many threads the caller may use: those of threadInfo(), or one beside another job.
  int threads() const;

 private:
  Scheduler() = default;
  void start(void (Scheduler::*loop)(), const char* name);
  void startPrompt();                                    // under the mutex
  std::optional<std::function<void()>> nextInference();  // under the mutex
  void loop();
  void promptLoop();

  std::mutex mutex_;
  std::condition_variable wake_, wakePrompt_;
  std::deque<std::function<void()>> prompt_, inference_, training_;
  std::atomic<int> waitingInference_{0};  // prompt ones too
  bool started_ = false;
  bool promptStarted_ = false;
  bool busy_ = false;  // a job runs on the first thread
  std::atomic<std::thread::id> thread_{}, promptThread_{};
};

}  // namespace sluice
