// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/json_log.h"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/control/flow_log/json_format.h"
#include "common/control/flow_log/sink_queue.h"
#include "common/control/flow_log/status_board.h"

namespace millrace::control {
namespace {

constexpr std::size_t kLinesPerWrite = 256;

class File {
 public:
  File() = default;
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

  Result<void> open(const std::string& path) {
    close();
    // Readable too, to see how it ends. Never waiting: the path may be a pipe.
    fd_ = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd_ < 0) return failure("open flow log " + path, errno_text(errno));
    return {};
  }
  void close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  // Whether the last line was cut off, by a crash or a disk that was full.
  [[nodiscard]] bool ends_in_mid_line() const noexcept {
    struct stat info {};
    if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return false;
    char last = '\n';
    return ::pread(fd_, &last, 1, info.st_size - 1) == 1 && last != '\n';
  }

  // How many bytes went in; 0 and errno when none did.
  [[nodiscard]] std::size_t append(std::string_view bytes) const noexcept {
    for (;;) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return 0;
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace

class JsonLog::Impl {
 public:
  explicit Impl(JsonLogOptions options) : options_(std::move(options)), queue_(options_.waiting_records) {}

  Result<void> start() {
    if (auto opened = open_file(); !opened) return opened;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void stop() {
    queue_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void write(std::span<const FlowRecord> records) {
    std::vector<FlowRecord> copies;
    copies.reserve(records.size());
    for (const FlowRecord& record : records) {
      if (options_.updates || record.kind != FlowEventKind::kUpdated) copies.push_back(record);
    }
    const std::size_t wanted = copies.size();
    const std::size_t taken = queue_.push(copies);
    if (taken < wanted) board_.lost(wanted - taken);
  }

  void reopen() { queue_.poke(); }
  [[nodiscard]] FlowSinkStatus status() const { return board_.read(queue_.waiting()); }
  bool flush(std::chrono::milliseconds at_most) { return queue_.wait_empty(at_most); }

 private:
  using Clock = std::chrono::steady_clock;

  Result<void> open_file() {
    auto opened = file_.open(options_.path);
    if (!opened) {
      board_.fails(opened.error());
      return opened;
    }
    begin_line_ = file_.ends_in_mid_line();
    board_.works();
    return {};
  }

  void run() {
    std::vector<FlowRecord> records;
    for (;;) {
      records.clear();
      switch (queue_.take(records, Clock::now() + std::chrono::hours(1))) {
        case SinkQueue<FlowRecord>::Wake::kStopped:
          return;
        case SinkQueue<FlowRecord>::Wake::kPoked:
          static_cast<void>(open_file());
          break;
        case SinkQueue<FlowRecord>::Wake::kTime:
          break;
        case SinkQueue<FlowRecord>::Wake::kItems:
          for (std::size_t at = 0; at < records.size(); at += kLinesPerWrite) {
            const std::size_t count = std::min(kLinesPerWrite, records.size() - at);
            write_lines(std::span(records).subspan(at, count));
          }
          break;
      }
    }
  }

  // Returns when all of them are in the file, or lost because the end has come.
  void write_lines(std::span<const FlowRecord> records) {
    std::string text;
    std::vector<std::size_t> ends;  // of each line
    for (const FlowRecord& record : records) {
      append_json_line(text, record, options_.appliance);
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
      board_.fails(Error{"write flow log " + options_.path, errno_text(error), {}});
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

  JsonLogOptions options_;
  SinkQueue<FlowRecord> queue_;
  StatusBoard board_;
  File file_;
  bool begin_line_ = false;  // the file ends in mid-line
  bool failed_ = false;
  std::thread thread_;
};

Result<std::unique_ptr<JsonLog>> JsonLog::open(JsonLogOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (auto started = impl->start(); !started) return tl::unexpected<Error>(started.error());
  return std::unique_ptr<JsonLog>(new JsonLog(std::move(impl)));
}

JsonLog::JsonLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonLog::~JsonLog() { impl_->stop(); }
void JsonLog::write(std::span<const FlowRecord> records) { impl_->write(records); }
void JsonLog::reopen() { impl_->reopen(); }
FlowSinkStatus JsonLog::status() const { return impl_->status(); }
bool JsonLog::flush(std::chrono::milliseconds at_most) { return impl_->flush(at_most); }

}  // namespace millrace::control
