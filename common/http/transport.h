// SPDX-License-Identifier: BSD-3-Clause
// A connection's bytes, whatever carries them, under one deadline. Private to common/http.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace millrace::http {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

// How much must arrive, or be taken, within one read or write timeout: slower is stalled.
constexpr std::size_t kProgressBytes = std::size_t{64} * 1024;

class Transport : public std::enable_shared_from_this<Transport> {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using Clock = std::chrono::steady_clock;

  virtual ~Transport() = default;

  struct Moved {
    ErrorCode error;
    std::size_t bytes = 0;
  };

  // A TLS handshake; nothing without TLS.
  virtual asio::awaitable<ErrorCode> handshake() = 0;
  virtual asio::awaitable<Moved> read_some(asio::mutable_buffer into) = 0;
  // Tells the other end that nothing more will be sent. With TLS this is the end of reading too.
  virtual asio::awaitable<void> finish() = 0;
  [[nodiscard]] virtual bool reads_after_finish() const = 0;
  // All of it, within `timeout` for every kProgressBytes.
  asio::awaitable<ErrorCode> write(std::string_view bytes, Clock::duration timeout);

  // At the deadline the operation in progress is cancelled, and timed_out() says why. If that does not end
  // the trouble within a second, the socket is closed. A new deadline replaces the old one.
  void deadline_after(Clock::duration time);
  void no_deadline();
  [[nodiscard]] bool timed_out() const { return timed_out_; }

  void cancel();
  void close();
  // True when the other end has closed, or sent what nobody asked for: no place for another request.
  [[nodiscard]] bool is_stale();

  // True when the other end is gone for good: nothing can reach it. A Unix socket's end is seen when it
  // closes; over TCP a close cannot be told from the end of what it had to say until something is sent to it.
  [[nodiscard]] bool hung_up();

  [[nodiscard]] virtual Socket& socket() = 0;
  // Complete after the handshake.
  [[nodiscard]] virtual Peer peer() = 0;

 protected:
  explicit Transport(const asio::any_io_executor& executor) : timer_(executor) {}
  virtual asio::awaitable<Moved> write_some(asio::const_buffer from) = 0;

 private:
  void watch();

  asio::steady_timer timer_;
  bool timed_out_ = false;
};

[[nodiscard]] std::shared_ptr<Transport> plain_transport(Transport::Socket socket);
[[nodiscard]] std::shared_ptr<Transport> tls_server_transport(Transport::Socket socket,
                                                              std::shared_ptr<asio::ssl::context> context);
// Verifies the server's certificate against `name`, a DNS name or an IP address, whatever mode the context
// has.
[[nodiscard]] Result<std::shared_ptr<Transport>> tls_client_transport(
    Transport::Socket socket, std::shared_ptr<asio::ssl::context> context, const std::string& name);

}  // namespace millrace::http
