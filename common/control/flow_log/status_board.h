// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <mutex>
#include <utility>

#include "common/control/flow_log/record_sink.h"

namespace millrace::control {

// A sink's status, written by its own thread and read by others.
class StatusBoard {
 public:
  void wrote(std::uint64_t records) {
    const std::lock_guard lock(mutex_);
    status_.written += records;
  }
  void lost(std::uint64_t records) {
    const std::lock_guard lock(mutex_);
    status_.lost += records;
  }
  void works() {
    const std::lock_guard lock(mutex_);
    status_.working = true;
    status_.trouble.reset();
  }
  void fails(Error error) {
    const std::lock_guard lock(mutex_);
    ++status_.failures;
    status_.working = false;
    status_.trouble = std::move(error);
  }
  [[nodiscard]] SinkStatus read(std::uint64_t waiting) const {
    const std::lock_guard lock(mutex_);
    SinkStatus status = status_;
    status.waiting = waiting;
    return status;
  }

 private:
  mutable std::mutex mutex_;
  SinkStatus status_;
};

}  // namespace millrace::control
