// SPDX-License-Identifier: BSD-3-Clause
// A file that gets one line, or some bytes, per record.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/control/flow_log/append_file.h"
#include "common/control/flow_log/record_sink.h"
#include "common/control/flow_log/sink_queue.h"
#include "common/control/flow_log/status_board.h"

namespace millrace::control {

template <class Record>
struct LineLogOptions {
  std::string name;  // "flow_log", a metric label
  std::string path;
  // Appends the record's line with its newline, or its bytes; in the log's own thread.
  std::function<void(std::string&, const Record&)> print;
  std::function<bool(const Record&)> wanted{};  // has a line; none: all have
  bool is_text = true;                          // lines
  std::size_t waiting_records = 65'536;         // more are lost while the file does not take them
  std::chrono::milliseconds retry{1'000};       // after a failure: disk full, directory gone
};

// Appends to the file, which is made (mode 0640) when it is not there. A thread of its own writes; whatever
// goes wrong with the file is counted and tried again. A line is written whole: what a full disk cut off is
// continued when there is room, or written anew into the new file after reopen().
template <class Record>
class LineLog final : public RecordSink<Record> {
 public:
  using Options = LineLogOptions<Record>;

  // Fails when the file cannot be opened now: at start a wrong path should be told at once.
  [[nodiscard]] static Result<std::unique_ptr<LineLog>> open(Options options) {
    auto log = std::unique_ptr<LineLog>(new LineLog(std::move(options)));
    if (auto opened = log->open_file(); !opened) return tl::unexpected<Error>(opened.error());
    log->thread_ = std::thread([log = log.get()] { log->run(); });
    return log;
  }
  ~LineLog() override {
    queue_.stop();
    if (thread_.joinable()) thread_.join();
  }
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return options_.name; }
  void write(std::span<const Record> records) override {
    std::vector<Record> copies;
    copies.reserve(records.size());
    for (const Record& record : records) {
      if (!options_.wanted || options_.wanted(record)) copies.push_back(record);
    }
    const std::size_t wanted = copies.size();
    const std::size_t taken = queue_.push(copies);
    if (taken < wanted) board_.lost(wanted - taken);
  }
  void reopen() override { queue_.poke(); }
  [[nodiscard]] SinkStatus status() const override { return board_.read(queue_.waiting()); }
  bool flush(std::chrono::milliseconds at_most) override { return queue_.wait_empty(at_most); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kLinesPerWrite = 256;

  explicit LineLog(Options options) : options_(std::move(options)), queue_(options_.waiting_records) {}

  Result<void> open_file() {
    auto opened = file_.open(options_.path);
    if (!opened) {
      board_.fails(opened.error());
      return opened;
    }
    begin_line_ = options_.is_text && file_.ends_in_mid_line();
    board_.works();
    return {};
  }

  void run() {
    std::vector<Record> records;
    for (;;) {
      records.clear();
      using Wake = typename SinkQueue<Record>::Wake;
      switch (queue_.take(records, Clock::now() + std::chrono::hours(1))) {
        case Wake::kStopped:
          return;
        case Wake::kPoked:
          static_cast<void>(open_file());
          break;
        case Wake::kTime:
          break;
        case Wake::kItems:
          for (std::size_t at = 0; at < records.size(); at += kLinesPerWrite) {
            const std::size_t count = std::min(kLinesPerWrite, records.size() - at);
            write_lines(std::span(records).subspan(at, count));
          }
          break;
      }
    }
  }

  // Returns when all of them are in the file, or lost because the end has come.
  void write_lines(std::span<const Record> records) {
    std::string text;
    std::vector<std::size_t> ends;  // of each line
    for (const Record& record : records) {
      options_.print(text, record);
      ends.push_back(text.size());
    }
    std::size_t written = 0;  // bytes
    std::size_t lines = 0;    // whole ones
    while (written < text.size()) {
      if (!file_.is_open() && !try_again([&] { return open_file().has_value(); })) break;
      if (begin_line_ && file_.append("\n") == 1) begin_line_ = false;
      const std::size_t count = begin_line_ ? 0 : file_.append(std::string_view(text).substr(written));
      const int error = errno;
      written += count;
      if (count != 0 && std::exchange(failed_, false)) board_.works();
      const std::size_t before = lines;
      while (lines < ends.size() && ends[lines] <= written) ++lines;
      if (lines > before) {
        board_.wrote(lines - before);
        queue_.done(lines - before);
      }
      if (count != 0) continue;
      board_.fails(Error{"write " + options_.path, errno_text(error), {}});
      failed_ = true;
      if (!wait()) {
        if (queue_.stopped()) break;
        // Moved away in mid-line: that line is written whole into the new file.
        file_.close();
        written = lines == 0 ? 0 : ends[lines - 1];
      }
    }
    if (lines < records.size()) {
      board_.lost(records.size() - lines);
      queue_.done(records.size() - lines);
    }
  }

  bool wait() { return queue_.pause(Clock::now() + options_.retry); }

  // Until it works; false at the end.
  template <class Attempt>
  bool try_again(Attempt&& attempt) {
    while (!attempt()) {
      static_cast<void>(wait());
      if (queue_.stopped()) return false;
    }
    return true;
  }

  Options options_;
  SinkQueue<Record> queue_;
  StatusBoard board_;
  AppendFile file_;
  bool begin_line_ = false;  // the file ends in mid-line
  bool failed_ = false;
  std::thread thread_;
};

}  // namespace millrace::control
