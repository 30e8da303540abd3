// The way of one environment's tasks to the scheduler and back: the part of the environment
// that other threads see. Outlives the environment for as long as the compute thread holds on to
// it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "addon/task.h"

namespace sluice::addon {

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  // `wake` is called, on any thread, when there is something to take.
  static std::shared_ptr<Channel> create(std::function<void()> wake);

  // On the JavaScript thread.
  void submit(const std::shared_ptr<Task>& task, Priority priority);
  // A task that runs is told to stop; one that still waits is finished at once.
  void cancel(const std::shared_ptr<Task>& task);
  std::vector<std::shared_ptr<Task>> takeFinished();  // in the order of their submission
  // Cancels everything, drops what waits, returns when nothing runs any more. Nothing finishes
  // after that. Any thread, any number of times.
  void close();

 private:
  explicit Channel(std::function<void()> wake) : wake_(std::move(wake)) {}
  void work(const std::shared_ptr<Task>& task);         // on a thread of the scheduler
  void finish(Task& task, std::exception_ptr failure);  // under the mutex

  std::mutex mutex_;
  std::condition_variable stopped_;
  std::function<void()> wake_;
  // All that were submitted and not taken back. Finishing only marks a task: the compute thread
  // allocates nothing here.
  std::vector<std::shared_ptr<Task>> tasks_;
  int running_ = 0;
  bool closed_ = false;
};

// Closes the channels of all environments; for the end of the process.
void closeAllChannels();

}  // namespace sluice::addon
