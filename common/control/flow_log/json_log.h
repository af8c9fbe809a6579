// SPDX-License-Identifier: BSD-3-Clause
// The flow log: a file that gets one line of JSON per record.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "common/control/flow_log/flow_sink.h"

namespace millrace::control {

struct JsonLogOptions {
  std::string path;
  std::string appliance;                   // stands in every line
  bool updates = false;                    // lines about sessions that go on too
  std::size_t waiting_records = 65'536;    // more are lost while the file does not take them
  std::chrono::milliseconds retry{1'000};  // after a failure: disk full, directory gone
};

// Appends to the file, which is made (mode 0640) when it is not there. A thread of its own writes; whatever
// goes wrong with the file is counted and tried again. A line is written whole: what a full disk cut off is
// continued when there is room, or written anew into the new file after reopen().
class JsonLog final : public FlowSink {
 public:
  // Fails when the file cannot be opened now: at start a wrong path should be told at once.
  [[nodiscard]] static Result<std::unique_ptr<JsonLog>> open(JsonLogOptions options);
  ~JsonLog() override;
  JsonLog(const JsonLog&) = delete;
  JsonLog& operator=(const JsonLog&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return "flow_log"; }
  void write(std::span<const FlowRecord> records) override;
  void reopen() override;
  [[nodiscard]] FlowSinkStatus status() const override;
  bool flush(std::chrono::milliseconds at_most) override;

 private:
  class Impl;
  explicit JsonLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::control
