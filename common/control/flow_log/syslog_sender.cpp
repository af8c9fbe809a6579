// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/syslog_sender.h"

#include <cerrno>
#include <span>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/control/flow_log/backoff.h"
#include "common/control/flow_log/collector_socket.h"
#include "common/control/flow_log/sink_queue.h"
#include "common/control/flow_log/status_board.h"

namespace millrace::control {

class SyslogSender::Impl {
 public:
  explicit Impl(SyslogSenderOptions options)
      : options_(std::move(options)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        queue_(options_.waiting_lines),
        socket_(wake_),
        backoff_(options_.first_retry, options_.last_retry) {}
  ~Impl() {
    if (wake_ >= 0) ::close(wake_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> start() {
    if (wake_ < 0) return failure("start sending syslog messages", errno_text(errno));
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void stop() {
    queue_.stop();
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_, &one, sizeof one));
    if (thread_.joinable()) thread_.join();
  }

  void write(std::vector<std::string> lines) {
    const std::size_t wanted = lines.size();
    const std::size_t taken = queue_.push(lines);
    if (taken < wanted) board_.lost(wanted - taken);
  }

  void reopen() { queue_.poke(); }
  [[nodiscard]] SinkStatus status() const { return board_.read(queue_.waiting()); }
  bool flush(std::chrono::milliseconds at_most) { return queue_.wait_empty(at_most); }

 private:
  using Clock = std::chrono::steady_clock;
  using Wake = SinkQueue<std::string>::Wake;

  void run() {
    std::vector<std::string> lines;
    for (;;) {
      lines.clear();
      const Wake wake = queue_.take(lines, Clock::now() + std::chrono::hours(1));
      if (wake == Wake::kStopped) return;
      if (wake == Wake::kPoked) socket_.close();
      send_all(lines);
    }
  }

  Result<void> send(const std::string& line) {
    if (!socket_.is_open()) {
      auto connected = socket_.connect(options_.host, options_.port, Transport::kUdp, options_.patience);
      if (!connected) return connected;
    }
    return socket_.send({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()}, options_.patience);
  }

  // Returns when all are sent, or lost because the end has come.
  void send_all(std::span<const std::string> lines) {
    while (!lines.empty()) {
      if (!backoff_.due()) {
        if (queue_.stopped()) break;
        if (!queue_.pause(backoff_.not_before())) backoff_.at_once();  // poked
        continue;
      }
      if (auto sent = send(lines.front()); !sent) {
        socket_.close();
        board_.fails(std::move(sent.error()));
        backoff_.failed();
        continue;
      }
      board_.works();
      backoff_.worked();
      board_.wrote(1);
      queue_.done(1);
      lines = lines.subspan(1);
    }
    if (lines.empty()) return;
    board_.lost(lines.size());
    queue_.done(lines.size());
  }

  const SyslogSenderOptions options_;
  const int wake_;
  SinkQueue<std::string> queue_;
  StatusBoard board_;
  CollectorSocket socket_;
  Backoff backoff_;
  std::thread thread_;
};

Result<std::unique_ptr<SyslogSender>> SyslogSender::start(SyslogSenderOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (auto started = impl->start(); !started) return tl::unexpected<Error>(started.error());
  return std::unique_ptr<SyslogSender>(new SyslogSender(std::move(impl)));
}

SyslogSender::SyslogSender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SyslogSender::~SyslogSender() { impl_->stop(); }
void SyslogSender::write(std::vector<std::string> lines) { impl_->write(std::move(lines)); }
void SyslogSender::reopen() { impl_->reopen(); }
SinkStatus SyslogSender::status() const { return impl_->status(); }
bool SyslogSender::flush(std::chrono::milliseconds at_most) { return impl_->flush(at_most); }

}  // namespace millrace::control
