// SPDX-License-Identifier: BSD-3-Clause
// Where records go: a file, a collector.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/result.h"

namespace millrace::control {

// Every record given to a sink is in the end written or lost.
struct SinkStatus {
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
  std::uint64_t waiting = 0;
  std::uint64_t failures = 0;    // of writing, connecting, reopening
  bool working = false;          // the file is open, the collector connected
  std::optional<Error> trouble;  // the last failure, until there is success again
};

// write() and reopen() by one thread; status() by any. None of them waits for a disk or a network.
template <class Record>
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // "flow_log", a metric label
  virtual void write(std::span<const Record> records) = 0;
  // The operator has moved the file away (log rotation) or wants a fresh connection.
  virtual void reopen() = 0;
  [[nodiscard]] virtual SinkStatus status() const = 0;
  // Waits until nothing is waiting; false when the time is over before. At shutdown, and in tests.
  virtual bool flush(std::chrono::milliseconds at_most) = 0;
};

}  // namespace millrace::control
