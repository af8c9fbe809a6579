// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/vici_client.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "vnfs/vpn/vici_message.h"

namespace millrace::vpn::vici {
namespace asio = boost::asio;
namespace {

using boost::json::object;
using ErrorCode = boost::system::error_code;
using Socket = asio::local::stream_protocol::socket;

constexpr std::chrono::milliseconds kBetweenTries{250};

// What was written, and is wiped when it goes.
class Outgoing {
 public:
  explicit Outgoing(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  Outgoing(Outgoing&&) noexcept = default;
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;
  Outgoing& operator=(Outgoing&&) = delete;
  ~Outgoing() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace

class Client::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& io, std::filesystem::path path, std::vector<std::string> events, Handler handler)
      : socket_(io),
        pause_(io),
        path_(std::move(path)),
        events_(std::move(events)),
        handler_(std::move(handler)) {}

  void connect();
  void stop();
  void ask(std::string_view command, const object& message, Answered answered);
  [[nodiscard]] bool connected() const noexcept { return connected_; }

 private:
  void begin();
  void send(PacketType type, std::string_view name, const object& message, Answered answered);
  void flush();
  void read_length();
  void read_rest();
  bool take(Bytes bytes);
  void answer(Result<object> with);
  void lose(std::string_view why);

  Socket socket_;
  asio::steady_timer pause_;
  std::filesystem::path path_;
  std::vector<std::string> events_;
  Handler handler_;
  std::deque<Outgoing> outgoing_;  // the first is being written
  std::deque<Answered> awaited_;   // by order of the commands
  std::array<std::uint8_t, kLengthBytes> length_{};
  std::vector<std::uint8_t> incoming_;
  bool connected_ = false;
  bool told_gone_ = false;
  bool stopped_ = false;
};

void Client::State::connect() {
  socket_.async_connect(path_.string(), [self = shared_from_this()](ErrorCode error) {
    if (self->stopped_) return;
    if (error) return self->lose(error.message());
    self->begin();
  });
}

void Client::State::begin() {
  connected_ = true;
  told_gone_ = false;
  for (const std::string& event : events_) {
    send(PacketType::kSubscribe, event, {}, [weak = weak_from_this(), event](const Result<object>& done) {
      const auto self = weak.lock();
      if (self && !done && self->connected_) self->lose(fmt::format("it tells no '{}'", event));
    });
  }
  read_length();
  handler_.connected();
}

void Client::State::stop() {
  stopped_ = true;
  connected_ = false;
  ErrorCode ignored;
  socket_.close(ignored);
  pause_.cancel();
  awaited_.clear();
  outgoing_.clear();
}

void Client::State::ask(std::string_view command, const object& message, Answered answered) {
  if (!connected_) return answered(failure(fmt::format("tell charon '{}'", command), "it is not there"));
  send(PacketType::kCommand, command, message, std::move(answered));
}

void Client::State::send(PacketType type, std::string_view name, const object& message, Answered answered) {
  auto packet = write_packet(type, name, message);
  if (!packet) return answered(tl::unexpected(std::move(packet.error())));
  awaited_.push_back(std::move(answered));
  outgoing_.emplace_back(std::move(*packet));
  if (outgoing_.size() == 1) flush();
}

void Client::State::flush() {
  const Bytes bytes = outgoing_.front().bytes();
  asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                    [self = shared_from_this()](ErrorCode error, std::size_t) {
                      // Reading tells that charon went.
                      if (self->stopped_ || error || self->outgoing_.empty()) return;
                      self->outgoing_.pop_front();
                      if (!self->outgoing_.empty()) self->flush();
                    });
}

void Client::State::read_length() {
  asio::async_read(socket_, asio::buffer(length_), [self = shared_from_this()](ErrorCode error, std::size_t) {
    if (self->stopped_) return;
    if (error) return self->lose(error.message());
    std::size_t length = 0;
    for (const std::uint8_t byte : self->length_) length = length << 8 | byte;
    if (length > kMostPacketBytes) return self->lose(fmt::format("it sends a packet of {} bytes", length));
    self->incoming_.resize(length);
    self->read_rest();
  });
}

void Client::State::read_rest() {
  asio::async_read(socket_, asio::buffer(incoming_),
                   [self = shared_from_this()](ErrorCode error, std::size_t) {
                     if (self->stopped_) return;
                     if (error) return self->lose(error.message());
                     if (!self->take(self->incoming_))
                       return self->lose("it sends what is no packet of VICI");
                     if (self->connected_) self->read_length();
                   });
}

bool Client::State::take(Bytes bytes) {
  const auto packet = read_packet(bytes);
  if (!packet) return false;
  switch (packet->type) {
    case PacketType::kEvent: {
      const auto message = read_message(packet->message);
      if (message) handler_.event(packet->name, *message);
      return message.has_value();
    }
    case PacketType::kAnswer:
      if (awaited_.empty()) return false;
      answer(read_message(packet->message));
      return true;
    case PacketType::kSubscribed:
      if (awaited_.empty()) return false;
      answer(object{});
      return true;
    case PacketType::kUnknownCommand:
    case PacketType::kUnknownEvent:
      if (awaited_.empty()) return false;
      answer(failure("ask charon", "its release does not know the command or event"));
      return true;
    case PacketType::kCommand:
    case PacketType::kSubscribe:
    case PacketType::kUnsubscribe:
      break;
  }
  return false;
}

void Client::State::answer(Result<object> with) {
  const Answered answered = std::move(awaited_.front());
  awaited_.pop_front();
  answered(std::move(with));
}

void Client::State::lose(std::string_view why) {
  connected_ = false;
  ErrorCode ignored;
  socket_.close(ignored);
  outgoing_.clear();
  for (auto awaited = std::exchange(awaited_, {}); Answered & one : awaited)
    one(failure("ask charon", std::string(why)));
  if (!std::exchange(told_gone_, true)) handler_.gone(why);
  if (stopped_) return;
  pause_.expires_after(kBetweenTries);
  pause_.async_wait([self = shared_from_this()](ErrorCode error) {
    if (!error && !self->stopped_) self->connect();
  });
}

Client::Client(asio::io_context& io, std::filesystem::path socket, std::vector<std::string> events,
               Handler handler)
    : state_(std::make_shared<State>(io, std::move(socket), std::move(events), std::move(handler))) {}

Client::~Client() { state_->stop(); }

void Client::start() { state_->connect(); }

bool Client::connected() const noexcept { return state_->connected(); }

void Client::ask(std::string_view command, const object& message, Answered answered) {
  state_->ask(command, message, std::move(answered));
}

}  // namespace millrace::vpn::vici
