// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/server.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <list>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/base/unix_socket.h"
#include "common/http/connection.h"
#include "common/http/transport.h"

namespace millrace::http {
namespace {

using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;

constexpr int kBacklog = 128;
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

}  // namespace

class Server::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& io, Router router, Limits limits, Report report)
      : io_(io), grace_(io), service_(std::make_shared<Service>()) {
    service_->router = std::move(router);
    service_->limits = limits;
    service_->report = std::move(report);
  }

  using Tls = std::shared_ptr<asio::ssl::context>;

  Result<void> listen_unix(const std::filesystem::path& path, unsigned mode);
  Result<std::uint16_t> listen_inet(std::string_view address, std::uint16_t port, const Tls& tls);
  Result<void> serve(int fd);
  void stop(std::chrono::milliseconds grace, std::function<void()> done);
  void abort();
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  void start_accepting(Acceptor acceptor, Tls tls);
  static asio::awaitable<void> accept_loop(std::shared_ptr<State> self, std::shared_ptr<Acceptor> acceptor,
                                           Tls tls);
  void admit(Transport::Socket socket, const Tls& tls);
  bool make_place();
  void close_listeners();
  void close_connections();
  void finish_stop();

  asio::io_context& io_;
  asio::steady_timer grace_;
  std::shared_ptr<Service> service_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
  std::vector<SocketFile> files_;
  std::list<std::shared_ptr<Connection>> connections_;
  std::function<void()> done_;
};

Result<void> Server::State::listen_unix(const std::filesystem::path& path, unsigned mode) {
  auto listener = millrace::listen_unix(path, SOCK_STREAM, mode, kBacklog);
  if (!listener) return tl::unexpected(std::move(listener.error()));
  files_.push_back(std::move(listener->file));
  Acceptor acceptor(io_);
  acceptor.assign(Protocol(AF_UNIX, 0), listener->fd.release());
  start_accepting(std::move(acceptor), nullptr);
  return {};
}

Result<std::uint16_t> Server::State::listen_inet(std::string_view address, std::uint16_t port,
                                                 const Tls& tls) {
  const std::string attempt = fmt::format("listen on {} port {}", address, port);
  ErrorCode error;
  const auto ip = asio::ip::make_address(std::string(address), error);
  if (error) return failure(attempt, "not an IP address");
  asio::ip::tcp::endpoint endpoint(ip, port);
  Acceptor acceptor(io_);
  acceptor.open(Protocol(endpoint.protocol()), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(Protocol::endpoint(endpoint), error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error) return failure(attempt, error.message());
  const auto bound = acceptor.local_endpoint(error);
  if (error) return failure(attempt, error.message());
  std::memcpy(endpoint.data(), bound.data(), std::min(bound.size(), endpoint.size()));
  start_accepting(std::move(acceptor), tls);
  return endpoint.port();
}

Result<void> Server::State::serve(int fd) {
  Descriptor owned(fd);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return failure("serve a connected socket", errno_text(errno));
  }
  Transport::Socket socket(io_);
  ErrorCode error;
  socket.assign(Protocol(address.ss_family, 0), fd, error);
  if (error) return failure("serve a connected socket", error.message());
  (void)owned.release();
  admit(std::move(socket), nullptr);
  return {};
}

void Server::State::start_accepting(Acceptor acceptor, Tls tls) {
  acceptors_.push_back(std::make_shared<Acceptor>(std::move(acceptor)));
  asio::co_spawn(io_, accept_loop(shared_from_this(), acceptors_.back(), std::move(tls)), asio::detached);
}

asio::awaitable<void> Server::State::accept_loop(std::shared_ptr<State> self,
                                                 std::shared_ptr<Acceptor> acceptor, Tls tls) {
  asio::steady_timer pause(self->io_);
  while (acceptor->is_open()) {
    Transport::Socket socket(self->io_);
    auto [error] = co_await acceptor->async_accept(socket, asio::as_tuple(asio::use_awaitable));
    if (!acceptor->is_open() || self->service_->stopping) co_return;
    if (!error) {
      self->admit(std::move(socket), tls);
      continue;
    }
    // Out of descriptors, most likely: trying again at once would only burn the processor.
    if (self->service_->report) self->service_->report("cannot accept a connection: " + error.message());
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

bool Server::State::make_place() {
  if (connections_.size() < service_->limits.connections) return true;
  const Connection* oldest = nullptr;
  auto victim = connections_.end();
  for (auto each = connections_.begin(); each != connections_.end(); ++each) {
    if (!(*each)->idle() || (oldest != nullptr && (*each)->idle_since() >= oldest->idle_since())) continue;
    oldest = each->get();
    victim = each;
  }
  if (victim == connections_.end()) return false;
  (*victim)->close_now();
  connections_.erase(victim);
  return true;
}

void Server::State::admit(Transport::Socket socket, const Tls& tls) {
  if (service_->stopping) return;
  if (!make_place()) {
    if (!tls) (void)::send(socket.native_handle(), kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  const int on = 1;  // answers go out whole; fails on a Unix socket, which has no such delay
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto transport = tls ? tls_server_transport(std::move(socket), tls) : plain_transport(std::move(socket));
  auto connection = std::make_shared<Connection>(service_, std::move(transport));
  connections_.push_back(connection);
  asio::co_spawn(io_, connection->run(), [weak = weak_from_this(), connection](const std::exception_ptr&) {
    const auto self = weak.lock();
    if (!self) return;
    self->connections_.remove(connection);
    if (self->service_->stopping && self->connections_.empty()) self->finish_stop();
  });
}

void Server::State::close_listeners() {
  for (const auto& acceptor : acceptors_) {
    ErrorCode ignored;
    acceptor->close(ignored);
  }
  acceptors_.clear();
  for (const SocketFile& file : files_) file.remove();
  files_.clear();
}

void Server::State::close_connections() {
  const auto closing = std::exchange(connections_, {});
  for (const auto& connection : closing) connection->close_now();
}

void Server::State::stop(std::chrono::milliseconds grace, std::function<void()> done) {
  if (service_->stopping) return;
  service_->stopping = true;
  done_ = std::move(done);
  close_listeners();
  if (connections_.empty()) {
    finish_stop();
    return;
  }
  for (const auto& connection : connections_) connection->end_when_idle();
  grace_.expires_after(grace);
  grace_.async_wait([weak = weak_from_this()](ErrorCode error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->close_connections();
    self->finish_stop();
  });
}

void Server::State::finish_stop() {
  grace_.cancel();
  if (done_) asio::post(io_, std::exchange(done_, {}));
}

void Server::State::abort() {
  service_->stopping = true;
  service_->closed = true;
  done_ = {};
  grace_.cancel();
  close_listeners();
  close_connections();
}

Server::Server(asio::io_context& io, Router router, Limits limits, Report report)
    : state_(std::make_shared<State>(io, std::move(router), limits, std::move(report))) {}

Server::~Server() { state_->abort(); }

Result<void> Server::listen_unix(const std::filesystem::path& path, unsigned mode) {
  return state_->listen_unix(path, mode);
}

Result<std::uint16_t> Server::listen_tcp(std::string_view address, std::uint16_t port) {
  return state_->listen_inet(address, port, nullptr);
}

Result<std::uint16_t> Server::listen_tls(std::string_view address, std::uint16_t port,
                                         const std::shared_ptr<asio::ssl::context>& context) {
  return state_->listen_inet(address, port, context);
}

Result<void> Server::serve(int connected_socket) { return state_->serve(connected_socket); }

void Server::stop(std::chrono::milliseconds grace, std::function<void()> done) {
  state_->stop(grace, std::move(done));
}

std::size_t Server::connections() const { return state_->connections(); }

}  // namespace millrace::http
