// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/socket.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/result.h"

namespace millrace::load_balancer::health {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kToTuple = asio::as_tuple(asio::use_awaitable);

asio::ip::address to_asio(const net::IpAddress& address) {
  if (address.is_v4()) return asio::ip::address_v4(address.v4().value.host());
  return asio::ip::address_v6(address.bytes());
}

// asio's endpoints are the sockaddr that the system wants, whatever the protocol.
tcp::endpoint endpoint_of(const net::IpAddress& address, std::uint16_t port) {
  return {to_asio(address), port};
}

bool is_our_own(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EACCES:
    case EPERM:
    case EAFNOSUPPORT:
      return true;
    default:
      return false;
  }
}

// "Connection refused" -> "connection refused"; "No TLS ..." too.
std::string in_a_sentence(std::string text) {
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

// Why not, or null.
std::string bind_to(int fd, const Target& target) {
  const Origin& origin = target.spec.origin;
  if (!origin.device.empty() && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, origin.device.data(),
                                             static_cast<socklen_t>(origin.device.size())) != 0) {
    return fmt::format("cannot send through {}: {}", origin.device, in_a_sentence(errno_text(errno)));
  }
  if (!origin.address) return {};
  // The port is chosen when the other end is known: many checks may then share one.
  const int later = 1;
  (void)::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later, sizeof later);
  const auto from = endpoint_of(*origin.address, 0);
  if (::bind(fd, from.data(), static_cast<socklen_t>(from.size())) == 0) return {};
  return fmt::format("cannot send from {}: {}", origin.address->to_string(),
                     in_a_sentence(errno_text(errno)));
}

}  // namespace

Outcome outcome_of_errno(int error) {
  return {is_our_own(error) ? Verdict::kNotRun : Verdict::kBad, in_a_sentence(errno_text(error))};
}

Outcome outcome_of(const boost::system::error_code& error) {
  if (error.category() == boost::system::system_category()) return outcome_of_errno(error.value());
  return bad(in_a_sentence(error.message()));
}

OrOutcome<int> open_socket(const Target& target, int type, int protocol) {
  const int family = target.address.is_v4() ? AF_INET : AF_INET6;
  const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) return tl::unexpected(not_run("no socket: " + in_a_sentence(errno_text(errno))));
  if (auto trouble = bind_to(fd, target); !trouble.empty()) {
    ::close(fd);
    return tl::unexpected(not_run(std::move(trouble)));
  }
  return fd;
}

asio::awaitable<OrOutcome<void>> connect(Progress& progress, tcp::socket& connection) {
  progress.awaited = "connection";
  const Target& target = progress.target;
  const auto fd = open_socket(target, SOCK_STREAM, IPPROTO_TCP);
  if (!fd) co_return tl::unexpected(fd.error());
  boost::system::error_code failed;
  connection.assign(target.address.is_v4() ? tcp::v4() : tcp::v6(), *fd, failed);
  if (failed) {
    ::close(*fd);
    co_return tl::unexpected(not_run(failed.message()));
  }
  auto [error] = co_await connection.async_connect(endpoint_of(target.address, target.port), kToTuple);
  if (error) co_return tl::unexpected(outcome_of(error));
  connection.set_option(tcp::no_delay(true), failed);
  progress.awaited = "answer";
  co_return OrOutcome<void>{};
}

OrOutcome<void> DatagramSocket::open(const Target& target, int type, int protocol) {
  const auto fd = open_socket(target, type, protocol);
  if (!fd) return tl::unexpected(fd.error());
  const bool has_ports = protocol == IPPROTO_UDP;
  const auto to = endpoint_of(target.address, has_ports ? target.port : std::uint16_t{0});
  if (::connect(*fd, to.data(), static_cast<socklen_t>(to.size())) != 0) {
    const int error = errno;
    ::close(*fd);
    return tl::unexpected(outcome_of_errno(error));
  }
  boost::system::error_code failed;
  descriptor_.assign(*fd, failed);
  if (!failed) return {};
  ::close(*fd);
  return tl::unexpected(not_run(failed.message()));
}

OrOutcome<void> DatagramSocket::send(Bytes bytes) {
  if (::send(descriptor_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) return {};
  return tl::unexpected(outcome_of_errno(errno));
}

asio::awaitable<OrOutcome<Bytes>> DatagramSocket::receive(MutableBytes buffer) {
  for (;;) {
    auto [error] = co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, kToTuple);
    if (error) co_return tl::unexpected(outcome_of(error));
    const ssize_t got = ::recv(descriptor_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got >= 0) co_return Bytes(buffer.data(), static_cast<std::size_t>(got));
    // What had come may have had a wrong checksum.
    if (errno != EAGAIN && errno != EINTR) co_return tl::unexpected(outcome_of_errno(errno));
  }
}

void DatagramSocket::close() {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

}  // namespace millrace::load_balancer::health
