// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_sender.h"

#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/control/flow_log/backoff.h"
#include "common/control/flow_log/sink_queue.h"
#include "common/control/flow_log/status_board.h"

namespace millrace::control {
namespace {

constexpr std::uint16_t kStreamMessageBytes = 16'384;

}  // namespace

class IpfixSender::Impl {
 public:
  Impl(IpfixSchema schema, IpfixExporterOptions options)
      : schema_(std::move(schema)),
        options_(std::move(options)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        queue_(options_.waiting_records),
        socket_(wake_),
        backoff_(options_.first_retry, options_.last_retry) {}
  ~Impl() {
    if (wake_ >= 0) ::close(wake_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> start() {
    if (wake_ < 0) return failure("start the IPFIX exporter", errno_text(errno));
    if (auto made = make_encoder(); !made) return made;
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void stop() {
    queue_.stop();
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_, &one, sizeof one));
    if (thread_.joinable()) thread_.join();
  }

  void write(std::vector<IpfixRecord> records) {
    const std::size_t wanted = records.size();
    const std::size_t taken = queue_.push(records);
    if (taken < wanted) board_.lost(wanted - taken);
  }

  void set_interfaces(std::vector<IpfixInterface> interfaces) {
    const std::lock_guard lock(mutex_);
    interfaces_ = std::move(interfaces);
    templates_due_ = true;
  }

  void reopen() { queue_.poke(); }
  [[nodiscard]] SinkStatus status() const { return board_.read(queue_.waiting()); }
  bool flush(std::chrono::milliseconds at_most) { return queue_.wait_empty(at_most); }

 private:
  using Clock = std::chrono::steady_clock;
  using Wake = SinkQueue<IpfixRecord>::Wake;

  [[nodiscard]] bool over_udp() const noexcept { return options_.transport == Transport::kUdp; }

  Result<void> make_encoder() {
    auto made = IpfixEncoder::make(schema_, options_.observation_domain,
                                   over_udp() ? options_.datagram_bytes : kStreamMessageBytes);
    if (!made) return tl::unexpected<Error>(made.error());
    encoder_ = std::move(*made);
    return {};
  }

  void run() {
    std::vector<IpfixRecord> records;
    static_cast<void>(ready());
    for (;;) {
      records.clear();
      const Wake wake = queue_.take(records, Clock::now() + options_.template_interval);
      if (wake == Wake::kStopped) return;
      if (wake == Wake::kPoked) socket_.close();
      send_all(records);
    }
  }

  // Connected, the collector knowing the templates. After a failure not before the pause is over.
  bool ready() {
    if (!backoff_.due()) return false;
    if (socket_.is_open() && socket_.hung_up()) socket_.close();
    Result<void> done;
    if (!socket_.is_open()) done = connect();
    const bool repeat = over_udp() && Clock::now() >= templates_at_;
    if (done && (templates_due_.exchange(false) || repeat)) done = send_templates();
    if (done) return true;
    failed(std::move(done.error()));
    return false;
  }

  Result<void> connect() {
    // A new transport session: RFC 7011 section 10.
    if (auto made = make_encoder(); !made) return made;
    auto connected = socket_.connect(options_.host, options_.port, options_.transport, options_.patience);
    if (connected) {
      templates_due_ = true;
      board_.works();
    }
    return connected;
  }

  Result<void> send_templates() {
    std::vector<IpfixInterface> interfaces;
    {
      const std::lock_guard lock(mutex_);
      interfaces = interfaces_;
    }
    auto messages = encoder_->templates(interfaces);
    if (!messages) return tl::unexpected<Error>(messages.error());
    for (const IpfixMessage& message : *messages) {
      if (auto sent = socket_.send(message, options_.patience); !sent) return sent;
    }
    templates_at_ = Clock::now() + options_.template_interval;
    return {};
  }

  void failed(Error error) {
    socket_.close();
    board_.fails(std::move(error));
    backoff_.failed();
  }

  // Returns when all are sent, or lost because the end has come.
  void send_all(std::span<const IpfixRecord> records) {
    if (records.empty()) static_cast<void>(ready());
    while (!records.empty()) {
      if (!ready()) {
        if (queue_.stopped()) break;
        if (!queue_.pause(backoff_.not_before())) backoff_.at_once();  // poked
        continue;
      }
      auto encoded = encoder_->encode(records);
      if (!encoded) {
        failed(std::move(encoded.error()));
        continue;
      }
      if (auto sent = socket_.send(encoded->message, options_.patience); !sent) {
        failed(std::move(sent.error()));
        continue;
      }
      board_.works();
      backoff_.worked();
      board_.wrote(encoded->records);
      queue_.done(encoded->records);
      records = records.subspan(encoded->records);
    }
    if (records.empty()) return;
    board_.lost(records.size());
    queue_.done(records.size());
  }

  const IpfixSchema schema_;
  const IpfixExporterOptions options_;
  const int wake_;
  SinkQueue<IpfixRecord> queue_;
  StatusBoard board_;
  CollectorSocket socket_;
  Backoff backoff_;
  std::unique_ptr<IpfixEncoder> encoder_;
  Clock::time_point templates_at_{};
  std::mutex mutex_;
  std::vector<IpfixInterface> interfaces_;  // under mutex_
  std::atomic<bool> templates_due_{true};
  std::thread thread_;
};

Result<std::unique_ptr<IpfixSender>> IpfixSender::start(IpfixSchema schema, IpfixExporterOptions options) {
  auto impl = std::make_unique<Impl>(std::move(schema), std::move(options));
  if (auto started = impl->start(); !started) return tl::unexpected<Error>(started.error());
  return std::unique_ptr<IpfixSender>(new IpfixSender(std::move(impl)));
}

IpfixSender::IpfixSender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IpfixSender::~IpfixSender() { impl_->stop(); }
void IpfixSender::set_interfaces(std::vector<IpfixInterface> interfaces) {
  impl_->set_interfaces(std::move(interfaces));
}
void IpfixSender::write(std::vector<IpfixRecord> records) { impl_->write(std::move(records)); }
void IpfixSender::reopen() { impl_->reopen(); }
SinkStatus IpfixSender::status() const { return impl_->status(); }
bool IpfixSender::flush(std::chrono::milliseconds at_most) { return impl_->flush(at_most); }

}  // namespace millrace::control
