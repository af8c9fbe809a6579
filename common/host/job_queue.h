// SPDX-License-Identifier: BSD-3-Clause
// Jobs that other threads have for the one that polls fd(), which runs them.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

namespace millrace::host {

class JobQueue {
 public:
  JobQueue() : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~JobQueue() { close(wake_); }
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // Readable when there is something to do. Owned by the queue.
  [[nodiscard]] int fd() const noexcept { return wake_; }

  // Any thread.
  void add(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake();
  }
  // Has the polling thread look, jobs or none. Any thread.
  void wake() noexcept { eventfd_write(wake_, 1); }

  // The polling thread. In the order they were added.
  void run() {
    eventfd_t ignored = 0;
    eventfd_read(wake_, &ignored);
    std::vector<std::function<void()>> jobs;
    {
      const std::lock_guard lock(mutex_);
      jobs.swap(jobs_);
    }
    for (const auto& job : jobs) job();
  }

 private:
  int wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> jobs_;
};

}  // namespace millrace::host
