#include "addon/channel.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/core/error.h"

namespace sluice::addon {
namespace {

// Never destroyed: the compute thread outlives static objects.
struct Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<Channel>> channels;

  static Registry& instance() {
    static Registry* registry = new Registry;
    return *registry;
  }
};

}  // namespace

std::shared_ptr<Channel> Channel::create(std::function<void()> wake) {
  std::shared_ptr<Channel> channel(new Channel(std::move(wake)));
  Registry& registry = Registry::instance();
  const std::lock_guard lock(registry.mutex);
  std::erase_if(registry.channels, [](const auto& other) { return other.expired(); });
  registry.channels.push_back(channel);
  return channel;
}

void Channel::submit(const std::shared_ptr<Task>& task, Priority priority) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) fail(Code::Aborted, "the environment is shutting down");
    tasks_.push_back(task);
  }
  try {
    Scheduler::instance().submit(priority, [self = shared_from_this(), task] { self->work(task); });
  } catch (...) {
    const std::lock_guard lock(mutex_);
    std::erase(tasks_, task);
    throw;
  }
}

void Channel::work(const std::shared_ptr<Task>& task) {
  {
    const std::lock_guard lock(mutex_);
    if (task->state_ != Task::State::Queued) return;  // cancelled, or dropped by close()
    task->state_ = Task::State::Running;
    ++running_;
  }
  std::exception_ptr failure;
  try {
    task->run(task->cancel_);
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  --running_;
  finish(*task, std::move(failure));
  stopped_.notify_all();
}

void Channel::finish(Task& task, std::exception_ptr failure) {
  task.state_ = Task::State::Finished;
  task.failure_ = std::move(failure);
  // Whom the one of a closed channel would wake may be gone.
  if (!closed_) wake_();
}

void Channel::cancel(const std::shared_ptr<Task>& task) {
  const std::lock_guard lock(mutex_);
  task->cancel_.cancel();
  if (task->state_ == Task::State::Queued)
    finish(*task, std::make_exception_ptr(Error(Code::Aborted, "the call was aborted")));
}

std::vector<std::shared_ptr<Task>> Channel::takeFinished() {
  const std::lock_guard lock(mutex_);
  const auto first = std::stable_partition(tasks_.begin(), tasks_.end(), [](const auto& task) {
    return task->state_ != Task::State::Finished;
  });
  std::vector<std::shared_ptr<Task>> finished(std::make_move_iterator(first),
                                              std::make_move_iterator(tasks_.end()));
  tasks_.erase(first, tasks_.end());
  return finished;
}

void Channel::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  for (const auto& task : tasks_) {
    task->cancel_.cancel();
    if (task->state_ == Task::State::Queued) task->state_ = Task::State::Finished;
  }
  // Who ends the process from within a task (libgomp, when it gets no threads) cannot wait for it.
  if (Scheduler::instance().isJob()) return;
  stopped_.wait(lock, [this] { return running_ == 0; });
  tasks_.clear();
}

void closeAllChannels() {
  std::vector<std::shared_ptr<Channel>> channels;
  {
    Registry& registry = Registry::instance();
    const std::lock_guard lock(registry.mutex);
    for (const auto& channel : registry.channels)
      if (auto alive = channel.lock()) channels.push_back(std::move(alive));
  }
  for (const auto& channel : channels) channel->close();
}

}  // namespace sluice::addon
