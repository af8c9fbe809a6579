// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/ipfix_exporter.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/control/flow_log/sink_queue.h"
#include "common/control/flow_log/status_board.h"

namespace millrace::control {
namespace {

constexpr std::uint16_t kStreamMessageBytes = 16'384;

}  // namespace

class IpfixExporter::Impl {
 public:
  explicit Impl(IpfixExporterOptions options)
      : options_(std::move(options)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        queue_(options_.waiting_records),
        socket_(wake_) {}
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

  void write(std::span<const FlowRecord> records) {
    std::vector<IpfixRecord> converted;
    converted.reserve(records.size());
    for (const FlowRecord& record : records) converted.push_back(to_ipfix(record));
    const std::size_t taken = queue_.push(converted);
    if (taken < records.size()) board_.lost(records.size() - taken);
  }

  void set_interfaces(std::vector<IpfixInterface> interfaces) {
    const std::lock_guard lock(mutex_);
    interfaces_ = std::move(interfaces);
    templates_due_ = true;
  }

  void reopen() { queue_.poke(); }
  [[nodiscard]] FlowSinkStatus status() const { return board_.read(queue_.waiting()); }
  bool flush(std::chrono::milliseconds at_most) { return queue_.wait_empty(at_most); }

 private:
  using Clock = std::chrono::steady_clock;
  using Wake = SinkQueue<IpfixRecord>::Wake;

  [[nodiscard]] bool over_udp() const noexcept { return options_.transport == IpfixTransport::kUdp; }

  Result<void> make_encoder() {
    auto made = IpfixEncoder::make(options_.observation_domain,
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
    if (Clock::now() < not_before_) return false;
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
    pause_ = pause_.count() == 0 ? options_.first_retry : std::min(pause_ * 2, options_.last_retry);
    not_before_ = Clock::now() + pause_;
  }

  // Returns when all are sent, or lost because the end has come.
  void send_all(std::span<const IpfixRecord> records) {
    if (records.empty()) static_cast<void>(ready());
    while (!records.empty()) {
      if (!ready()) {
        if (queue_.stopped()) break;
        if (!queue_.pause(not_before_)) not_before_ = {};  // poked: at once
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
      pause_ = {};
      board_.wrote(encoded->records);
      queue_.done(encoded->records);
      records = records.subspan(encoded->records);
    }
    if (records.empty()) return;
    board_.lost(records.size());
    queue_.done(records.size());
  }

  const IpfixExporterOptions options_;
  const int wake_;
  SinkQueue<IpfixRecord> queue_;
  StatusBoard board_;
  CollectorSocket socket_;
  std::unique_ptr<IpfixEncoder> encoder_;
  Clock::time_point templates_at_{};
  Clock::time_point not_before_{};
  std::chrono::milliseconds pause_{0};
  std::mutex mutex_;
  std::vector<IpfixInterface> interfaces_;  // under mutex_
  std::atomic<bool> templates_due_{true};
  std::thread thread_;
};

Result<std::unique_ptr<IpfixExporter>> IpfixExporter::start(IpfixExporterOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (auto started = impl->start(); !started) return tl::unexpected<Error>(started.error());
  return std::unique_ptr<IpfixExporter>(new IpfixExporter(std::move(impl)));
}

IpfixExporter::IpfixExporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IpfixExporter::~IpfixExporter() { impl_->stop(); }
void IpfixExporter::set_interfaces(std::vector<IpfixInterface> interfaces) {
  impl_->set_interfaces(std::move(interfaces));
}
void IpfixExporter::write(std::span<const FlowRecord> records) { impl_->write(records); }
void IpfixExporter::reopen() { impl_->reopen(); }
FlowSinkStatus IpfixExporter::status() const { return impl_->status(); }
bool IpfixExporter::flush(std::chrono::milliseconds at_most) { return impl_->flush(at_most); }

}  // namespace millrace::control
