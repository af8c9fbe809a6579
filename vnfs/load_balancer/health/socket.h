// SPDX-License-Identifier: BSD-3-Clause
// Sockets of checks: bound where the target wants, and their errors in words. Private to health.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "common/base/reader.h"
#include "vnfs/load_balancer/health/kinds.h"
#include "vnfs/load_balancer/health/status.h"
#include "vnfs/load_balancer/health/target.h"

namespace millrace::load_balancer::health {

template <class T>
using OrOutcome = tl::expected<T, Outcome>;

// "connection refused". Not run when the reason is our own: no descriptor, port, memory or right to send.
[[nodiscard]] Outcome outcome_of(const boost::system::error_code& error);
[[nodiscard]] Outcome outcome_of_errno(int error);

// Non-blocking, closed on exec, bound to the target's origin. `type` and `protocol` as for socket(2).
[[nodiscard]] OrOutcome<int> open_socket(const Target& target, int type, int protocol);

// A TCP connection to the target, in a socket that `connection` becomes; the caller closes it when the check
// is cut off.
boost::asio::awaitable<OrOutcome<void>> connect(Progress& progress, boost::asio::ip::tcp::socket& connection);

// A socket that sends to the target and hears nobody else; errors that ICMP reports come out of it too.
class DatagramSocket {
 public:
  explicit DatagramSocket(boost::asio::io_context& io) : descriptor_(io) {}

  [[nodiscard]] OrOutcome<void> open(const Target& target, int type, int protocol);
  [[nodiscard]] OrOutcome<void> send(Bytes bytes);
  // Waits for the next one. Longer ones are cut to the buffer.
  boost::asio::awaitable<OrOutcome<Bytes>> receive(MutableBytes buffer);
  void close();

 private:
  boost::asio::posix::stream_descriptor descriptor_;
};

}  // namespace millrace::load_balancer::health
