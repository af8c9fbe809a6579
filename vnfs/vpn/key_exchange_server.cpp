// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/key_exchange_server.h"

#include <algorithm>
#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <list>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/rate_bucket.h"
#include "common/base/unix_socket.h"
#include "vnfs/vpn/ike_link.h"
#include "vnfs/vpn/ike_requests.h"

namespace millrace::vpn {
namespace asio = boost::asio;
namespace {

using Protocol = asio::generic::seq_packet_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using ErrorCode = boost::system::error_code;

constexpr int kBacklog = 8;
constexpr std::size_t kMostLinks = 8;  // the plugin, and some that have not said who they are
constexpr std::chrono::seconds kGreetingTime{5};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr Pace kLogPace{5};
constexpr std::uint32_t kLogBurst = 20;

Tick now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<Tick>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

}  // namespace

class KeyExchangeServer::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& io, Gateway& gateway, Report report)
      : acceptor_(io), pause_(io), requests_(gateway), report_(std::move(report)) {}

  Result<void> listen(const std::filesystem::path& path, std::optional<std::uint32_t> user);
  void close();
  void send_event(const ike::Message& message);
  ike::Requests& requests() noexcept { return requests_; }

  OnTrouble on_trouble;

 private:
  void accept();
  void admit(Protocol::socket socket);
  bool take(const std::shared_ptr<ike::Link>& link, Bytes message);
  void gone(const std::shared_ptr<ike::Link>& link, std::string_view why);
  void say(std::string_view line);

  Acceptor acceptor_;
  asio::steady_timer pause_;
  ike::Requests requests_;
  Report report_;
  std::optional<SocketFile> file_;
  std::optional<std::uint32_t> user_;
  std::list<std::shared_ptr<ike::Link>> links_;
  std::shared_ptr<ike::Link> plugin_;  // the one of them that said hello
  RateBucket log_rate_;
  std::uint64_t unsaid_ = 0;
};

Result<void> KeyExchangeServer::State::listen(const std::filesystem::path& path,
                                              std::optional<std::uint32_t> user) {
  auto listener = listen_unix(path, SOCK_SEQPACKET, 0600, kBacklog);
  if (!listener) return tl::unexpected(std::move(listener.error()));
  if (user && ::chown(path.c_str(), *user, static_cast<gid_t>(-1)) != 0) {
    const int error = errno;
    listener->file.remove();
    return failure(fmt::format("give {} to the user {}", path.string(), *user), errno_text(error));
  }
  file_ = std::move(listener->file);
  user_ = user;
  ErrorCode error;
  acceptor_.assign(Protocol(AF_UNIX, 0), listener->fd.release(), error);
  if (error) return failure("listen on " + path.string(), error.message());
  accept();
  return {};
}

void KeyExchangeServer::State::accept() {
  acceptor_.async_accept([self = shared_from_this()](ErrorCode error, Protocol::socket socket) {
    if (!self->acceptor_.is_open()) return;
    if (!error) {
      self->admit(std::move(socket));
      self->accept();
      return;
    }
    // Out of descriptors, most likely: trying again at once would only burn the processor.
    self->say("cannot accept a connection of charon's plugin: " + error.message());
    self->pause_.expires_after(kAcceptPause);
    self->pause_.async_wait([self](ErrorCode stopped) {
      if (!stopped && self->acceptor_.is_open()) self->accept();
    });
  });
}

void KeyExchangeServer::State::admit(Protocol::socket socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  if (peer.uid != 0 && peer.uid != ::geteuid() && peer.uid != user_) {
    say(fmt::format("process {} of user {} may not speak for charon: the profile names who may", peer.pid,
                    peer.uid));
    return;
  }
  if (links_.size() >= kMostLinks) {
    say(fmt::format("process {} connects in place of charon, and {} are connected already", peer.pid,
                    links_.size()));
    return;
  }
  auto link = std::make_shared<ike::Link>(std::move(socket), peer.pid);
  links_.push_back(link);
  link->start(kGreetingTime, {.message =
                                  [weak = weak_from_this(), raw = std::weak_ptr(link)](Bytes message) {
                                    const auto self = weak.lock();
                                    const auto from = raw.lock();
                                    return self && from && self->take(from, message);
                                  },
                              .closed =
                                  [weak = weak_from_this(), raw = std::weak_ptr(link)](std::string_view why) {
                                    const auto self = weak.lock();
                                    const auto from = raw.lock();
                                    if (self && from) self->gone(from, why);
                                  }});
}

// Whether the connection goes on.
bool KeyExchangeServer::State::take(const std::shared_ptr<ike::Link>& link, Bytes message) {
  if (plugin_ && plugin_ != link) {
    const auto request = ike::read_request(message);
    link->send(ike::write_answer(
        request ? request->serial : request.error().serial,
        {.status = MILLRACE_IKE_BUSY,
         .text = fmt::format("the plugin of process {} is connected", plugin_->process())}));
    say(fmt::format("process {} connects in place of charon, which is process {}", link->process(),
                    plugin_->process()));
    return false;
  }
  const ike::Requests::Reply reply = requests_.take(message);
  if (!reply.log.empty()) say(reply.log);
  if (reply.trouble && on_trouble)
    on_trouble(reply.trouble->connection, reply.trouble->text, reply.trouble->unproved);
  if (!plugin_ && requests_.greeted()) {
    plugin_ = link;
    link->greeted();
  }
  for (const ike::Message& each : reply.messages) link->send(each);
  return !reply.close;
}

void KeyExchangeServer::State::gone(const std::shared_ptr<ike::Link>& link, std::string_view why) {
  links_.remove(link);
  if (plugin_ != link) {
    if (!why.empty())
      say(fmt::format("process {}, which connected in place of charon: {}", link->process(), why));
    return;
  }
  plugin_.reset();
  requests_.disconnected();
  say(fmt::format("charon, process {}, is gone{}{}; its tunnels stay as they are", link->process(),
                  why.empty() ? "" : ": ", why));
}

void KeyExchangeServer::State::send_event(const ike::Message& message) {
  if (plugin_) plugin_->send(message);
}

void KeyExchangeServer::State::say(std::string_view line) {
  if (!report_) return;
  if (!log_rate_.ready(kLogPace, kLogBurst, now())) {
    ++unsaid_;
    return;
  }
  log_rate_.take(kLogPace);
  report_(unsaid_ == 0 ? std::string(line) : fmt::format("{} (and {} lines before it)", line, unsaid_));
  unsaid_ = 0;
}

void KeyExchangeServer::State::close() {
  ErrorCode ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  report_ = {};
  on_trouble = {};
  plugin_.reset();
  for (const auto& link : std::exchange(links_, {})) link->close();
  if (file_) file_->remove();
}

KeyExchangeServer::KeyExchangeServer(asio::io_context& io, Gateway& gateway, Report report)
    : state_(std::make_shared<State>(io, gateway, std::move(report))) {}

KeyExchangeServer::~KeyExchangeServer() { state_->close(); }

void KeyExchangeServer::on_trouble(OnTrouble handler) { state_->on_trouble = std::move(handler); }

Result<void> KeyExchangeServer::listen(const std::filesystem::path& path, std::optional<std::uint32_t> user) {
  return state_->listen(path, user);
}

bool KeyExchangeServer::synchronized() const noexcept { return state_->requests().synchronized(); }

void KeyExchangeServer::expired(const AssociationKey& which, std::uint32_t tunnel, bool hard) {
  if (!synchronized()) return state_->requests().keep_expired(which, tunnel, hard);
  state_->send_event(ike::write_expired(which, tunnel, hard));
}

void KeyExchangeServer::acquire(std::uint32_t tunnel, const Selector& packet) {
  if (synchronized()) state_->send_event(ike::write_acquire(tunnel, packet));
}

void KeyExchangeServer::mapping_changed(const AssociationKey& which, std::uint32_t tunnel,
                                        const net::IpAddress& remote, std::uint16_t remote_port) {
  if (!synchronized()) return state_->requests().keep_mapping(which, tunnel, remote, remote_port);
  state_->send_event(ike::write_mapping(which, tunnel, remote, remote_port));
}

}  // namespace millrace::vpn
